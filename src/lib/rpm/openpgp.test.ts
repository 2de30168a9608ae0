import { expect, test } from 'vitest';
import { signatureIssuer } from './openpgp.ts';

const keyId = '24c6a8a7f4a80eb5';
const version3 = `88130305005d5f071e${keyId}01080000`;
const fingerprint = '771b18d3d7baa28734333c424344591e1964c5fc';
// Hashed: creation time and issuer fingerprint; unhashed: issuer key id.
const version4 = `883904000108001d05025d5f071e162104${fingerprint}000a0910${fingerprint.slice(-16)}00000000`;

test('reads the key id of a version 3 signature', () => {
  expect(signatureIssuer(Buffer.from(version3, 'hex'))).toEqual({
    created: 0x5d5f071e,
    keyId: keyId.toUpperCase(),
  });
});

test('reads fingerprint and key id of a version 4 signature, in either packet format', () => {
  const expected = { created: 0x5d5f071e, keyId: '4344591E1964C5FC', fingerprint: fingerprint.toUpperCase() };
  expect(signatureIssuer(Buffer.from(version4, 'hex'))).toEqual(expected);
  expect(signatureIssuer(Buffer.from(version4.replace(/^88/, 'c2'), 'hex'))).toEqual(expected);
});

test('only the signed part tells when', () => {
  const unsigned = version4.replace('001d05025d5f071e', '0017').replace('000a0910', '001005025d5f071e0910');
  expect(signatureIssuer(Buffer.from(unsigned, 'hex'))).not.toHaveProperty('created');
  expect(signatureIssuer(Buffer.from(unsigned, 'hex'))).toHaveProperty('fingerprint');
});

test('says nothing of what is no signature', () => {
  expect(signatureIssuer(Buffer.alloc(0))).toEqual({});
  expect(signatureIssuer(Buffer.from('hello'))).toEqual({});
  expect(signatureIssuer(Buffer.from(version4, 'hex').subarray(0, 20))).toEqual({});
});
