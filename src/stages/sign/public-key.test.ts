import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MillinerError } from '../../lib/errors/error.ts';
import { isSignatureValid } from './check-signature.ts';
import { readPublicKey } from './public-key.ts';

const ec = (curve: string) => generateKeyPairSync('ec', { namedCurve: curve });
const rsa = (modulusLength: number, publicExponent = 65_537) =>
  generateKeyPairSync('rsa', { modulusLength, publicExponent });
const pemOf = (key: KeyObject) => key.export({ format: 'pem', type: 'spki' }).toString();
const content = Buffer.from('sample');
const refused = (words: RegExp) =>
  expect.objectContaining({
    code: 'KEY_FILE_INVALID',
    message: expect.stringMatching(words) as string,
  }) as Error;

describe('kinds', () => {
  test.each([
    ['ECDSA P-256', ec('P-256'), ['sha256']],
    ['ECDSA P-384', ec('P-384'), ['sha256', 'sha384']],
    ['ECDSA P-521', ec('P-521'), ['sha256', 'sha512']],
    ['RSA 2048', rsa(2048), ['sha256']],
    ['RSA 2560', rsa(2560), ['sha256']],
    ['RSA 4096', rsa(4096), ['sha256']],
    ['Ed25519', generateKeyPairSync('ed25519'), [undefined]],
  ] as const)('%s is read, and holds its own signatures only', (kind, pair, hashes) => {
    const key = readPublicKey(pemOf(pair.publicKey));
    expect(key.kind).toBe(kind);
    const all = kind === 'Ed25519' ? [undefined] : ['sha1', 'sha256', 'sha384', 'sha512'];
    const held = all.filter((hash) => isSignatureValid(key, content, sign(hash, content, pair.privateKey)));
    expect(held).toEqual(hashes);
    const signature = sign(hashes[0], content, pair.privateKey);
    expect(isSignatureValid(key, Buffer.from('other'), signature)).toBe(false);
    for (const end of [0, 1, signature.length - 1])
      expect(isSignatureValid(key, content, signature.subarray(0, end))).toBe(false);
  });

  test.each([
    ['P-224', () => ec('P-224'), /secp224r1/],
    ['secp256k1', () => ec('secp256k1'), /secp256k1/],
    ['brainpool', () => ec('brainpoolP256r1'), /brainpoolP256r1/],
    ['RSA 1024', () => rsa(1024), /RSA key of 1024 bits/],
    ['RSA 2047', () => rsa(2047), /RSA key of 2047 bits/],
    ['RSA 4104', () => rsa(4104), /RSA key of 4104 bits/],
    ['RSA with the exponent 3', () => rsa(2048, 3), /exponent 3/],
    ['RSA-PSS', () => generateKeyPairSync('rsa-pss', { modulusLength: 2048 }), /rsa-pss/],
    ['DSA', () => generateKeyPairSync('dsa', { modulusLength: 2048, divisorLength: 256 }), /dsa/],
    ['X25519', () => generateKeyPairSync('x25519'), /x25519/],
    ['Ed448', () => generateKeyPairSync('ed448'), /ed448/],
  ])('%s is refused by its name', (_name, make, words) => {
    expect(() => readPublicKey(pemOf(make().publicKey))).toThrow(refused(words));
  });
});

describe('files', () => {
  const pair = rsa(4096);
  const pem = pemOf(pair.publicKey);

  test.each([
    ['a private key', pair.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(), /but PRIVATE KEY/],
    [
      'an RSA key of PKCS #1',
      pair.publicKey.export({ format: 'pem', type: 'pkcs1' }).toString(),
      /RSA PUBLIC/,
    ],
    ['one without its last line', pem.replace(/-----END.*\n/, ''), /PUBLIC KEY is cut short/],
    ['one without a line of its middle', pem.split('\n').toSpliced(4, 1).join('\n'), /holds no SPKI key/],
    ['two keys', `${pem}${pem}`, /several blocks/],
    ['half a key and a whole one', `${pem.slice(0, 100)}\n${pem}`, /several blocks/],
    ['nothing', '', /public key in PEM form$/],
  ])('%s is refused', (_name, text, words) => {
    expect(() => readPublicKey(text)).toThrow(refused(words));
  });

  test('what follows the key is refused', () => {
    const der = pair.publicKey.export({ format: 'der', type: 'spki' });
    const longer = Buffer.concat([der, Buffer.from([0])]).toString('base64');
    const text = `-----BEGIN PUBLIC KEY-----\n${longer}\n-----END PUBLIC KEY-----\n`;
    expect(() => readPublicKey(text)).toThrow(refused(/more than one key/));
  });

  test('cut anywhere it is refused', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: pem.length - 2 }), (end) => {
        expect(() => readPublicKey(pem.slice(0, end))).toThrow(refused(/./));
      }),
    );
  });

  test('with any one character changed, it is refused, or another key', () => {
    const signature = sign('sha256', content, pair.privateKey);
    fc.assert(
      fc.property(fc.nat(pem.length - 1), fc.constantFrom('A', 'z', '0', '+', '='), (at, character) => {
        const changed = pem.slice(0, at) + character + pem.slice(at + 1);
        try {
          const key = readPublicKey(changed);
          expect(isSignatureValid(key, content, signature)).toBe(key.pem === pem);
        } catch (error) {
          expect((error as MillinerError).code).toBe('KEY_FILE_INVALID');
        }
      }),
      { numRuns: 500 },
    );
  });
});
