import { generateKeyPairSync, createPrivateKey } from 'node:crypto';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MillinerError } from '../../lib/errors/error.ts';
import { isSignatureValid } from './check-signature.ts';
import { sealBox } from './encrypted.ts';
import { generateKeyPair, readPrivateKey, SigningKey } from './key.ts';
import { readPublicKey } from './public-key.ts';

/** Made by cosign 2.5.0 with the password `hunter2`. */
const cosignPrivate = `-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----
eyJrZGYiOnsibmFtZSI6InNjcnlwdCIsInBhcmFtcyI6eyJOIjo2NTUzNiwiciI6
OCwicCI6MX0sInNhbHQiOiJoZTRvb3JpWFZGVmxVRllkbzByRllYWkJENUdSQ0o3
OWFkRjdLMWlrQWR3PSJ9LCJjaXBoZXIiOnsibmFtZSI6Im5hY2wvc2VjcmV0Ym94
Iiwibm9uY2UiOiJvWXpBVC80ay8wc21qTEM0NGZmYjY1Uldla1RrT28wSiJ9LCJj
aXBoZXJ0ZXh0IjoiM3BVRmlvNEQ1QlE2UVBSTjl0UDVYdVEvaUpyODY0eFd4T1c1
SkpsNWRiSlZvSTAvdzlkNVNvTklHcEhwdVdXSDNvK2N2aUY2WTlSOUoycEZrQzNw
RmhrNDFkM2xKTzk4UVJwcXhtcFBkRXp3VTVaWWlkWC9VclBXcW1tQWtQWXk4QTRH
S0VpTFpaYzlYNDVoR1gvVFlibTV6clZTNE5KYnZsRWVLYTBBMXh5MVh4dXBTc2h6
WHRMYXV1UHFneG10d3ZzSmRRbFNBMnZwbmc9PSJ9
-----END ENCRYPTED SIGSTORE PRIVATE KEY-----
`;
const cosignPublic = `-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEwDqkd+U1YIHg2bNzmX2pkjZ+5vO5
Q3X/FhHx2BR9p1PdeSYy+wvMC/OxEp3Iu7yQkD2bhHbThvzgikdTAf3H7w==
-----END PUBLIC KEY-----
`;

const message = Buffer.from('sample');
const pem = (type: string, content: Buffer | string) =>
  `-----BEGIN ${type}-----\n${Buffer.from(content).toString('base64')}\n-----END ${type}-----\n`;
const refused = (code: string, words?: RegExp) =>
  expect.objectContaining({
    code,
    ...(words && { message: expect.stringMatching(words) as string }),
  }) as Error;

test('a pair that was made here is read, signs and verifies', async () => {
  const { privatePem, publicPem } = await generateKeyPair('pass word');
  expect(privatePem).toMatch(/^-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n/);
  const key = await readPrivateKey(privatePem, 'pass word');
  expect(key.public.pem).toBe(publicPem);
  const read = readPublicKey(publicPem.replaceAll('\n', '\r\n'));
  expect(read.hint).toBe(key.public.hint);
  expect(isSignatureValid(read, message, key.sign(message))).toBe(true);
  expect(isSignatureValid(read, Buffer.from('other'), key.sign(message))).toBe(false);
  expect((await generateKeyPair('pass word')).privatePem).not.toBe(privatePem);
});

test('a pair of cosign is read, under its old name too', async () => {
  const key = await readPrivateKey(cosignPrivate, 'hunter2');
  expect(key.public.pem).toBe(cosignPublic);
  expect(key.public.hint).toBe('ylS/+Y7VBVGIZDesEd9hsLmyBzFvJQtcK6WC4vU6NQk=');
  const old = await readPrivateKey(cosignPrivate.replaceAll('SIGSTORE', 'COSIGN'), 'hunter2');
  expect(old.public.hint).toBe(key.public.hint);
});

test("signatures are RFC 6979's: appendix A.2.5, P-256 with SHA-256", () => {
  const secret = Buffer.from('C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721', 'hex');
  const signature = new SigningKey(secret, readPublicKey(cosignPublic)).sign(message).toString('hex');
  expect(signature).toContain('efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716');
  expect(signature).toContain('f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8');
});

test('no print of a key shows its secret, and no refusal its password', async () => {
  const { privatePem } = await generateKeyPair('s3cret');
  const key = await readPrivateKey(privatePem, 's3cret');
  expect(Object.keys(key)).toEqual(['public']);
  expect(inspect(key, { depth: 9, showHidden: true })).not.toMatch(/secret|Uint8Array|Buffer/i);
  expect(JSON.stringify(key)).not.toMatch(/secret/i);
  const error = await readPrivateKey(privatePem, 's3cret-not').catch((caught: unknown) => caught);
  expect(error).toEqual(refused('KEY_FILE_INVALID', /does not open with this password/));
  expect(inspect(error, { depth: 9 })).not.toContain('s3cret');
});

test('what is no key of ours is refused by what it is', async () => {
  const ed25519 = generateKeyPairSync('ed25519');
  const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' });
  const plain = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const encrypted = async (der: Buffer) => pem('ENCRYPTED SIGSTORE PRIVATE KEY', await sealBox(der, 'x'));
  for (const { privateKey } of [ed25519, p384]) {
    const file = await encrypted(privateKey.export({ format: 'der', type: 'pkcs8' }));
    await expect(readPrivateKey(file, 'x')).rejects.toThrow(refused('KEY_FILE_INVALID', /another kind/));
  }
  const unencrypted = plain.export({ format: 'pem', type: 'pkcs8' }).toString();
  await expect(readPrivateKey(unencrypted, '')).rejects.toThrow(refused('KEY_FILE_INVALID', /PRIVATE KEY/));
  await expect(readPrivateKey(cosignPublic, '')).rejects.toThrow(refused('KEY_FILE_INVALID', /PUBLIC KEY/));
  await expect(readPrivateKey(await encrypted(Buffer.from('x')), 'x')).rejects.toThrow(
    refused('KEY_FILE_INVALID', /PKCS/),
  );
  expect(() => readPublicKey(cosignPrivate)).toThrow(
    refused('KEY_FILE_INVALID', /but ENCRYPTED SIGSTORE PRIVATE KEY/),
  );
  expect(() => readPublicKey(unencrypted)).toThrow(refused('KEY_FILE_INVALID', /but PRIVATE KEY/));
  expect(createPrivateKey(unencrypted).asymmetricKeyType).toBe('ec');
});

test.each([
  ['a huge N', { N: 2 ** 40, r: 8, p: 1 }],
  ['an N that is no power of two', { N: 65_535, r: 8, p: 1 }],
  ['a huge r', { N: 65_536, r: 2 ** 20, p: 1 }],
  ['a huge p', { N: 65_536, r: 8, p: 2 ** 20 }],
  ['none', {}],
  ['negative ones', { N: -65_536, r: -8, p: -1 }],
])('scrypt with %s is not begun', async (_name, params) => {
  const base64 = Buffer.alloc(24).toString('base64');
  const box = {
    kdf: { name: 'scrypt', params, salt: base64 },
    cipher: { name: 'nacl/secretbox', nonce: base64 },
    ciphertext: base64,
  };
  const file = pem('ENCRYPTED SIGSTORE PRIVATE KEY', JSON.stringify(box));
  await expect(readPrivateKey(file, 'x')).rejects.toThrow(refused('KEY_FILE_INVALID', /kdf\.params/));
});

test('whatever a key file holds, it is a key or KEY_FILE_INVALID', async () => {
  const body = fc.oneof(
    fc.string(),
    fc.json(),
    fc.uint8Array().map((bytes) => Buffer.from(bytes)),
  );
  const type = fc.constantFrom('ENCRYPTED SIGSTORE PRIVATE KEY', 'PUBLIC KEY', 'CERTIFICATE', '');
  const text = fc.oneof(
    fc.string(),
    fc.tuple(type, body).map(([name, content]) => pem(name, content)),
  );
  await fc.assert(
    fc.asyncProperty(text, async (file) => {
      await expect(readPrivateKey(file, 'x')).rejects.toBeInstanceOf(MillinerError);
      expect(() => readPublicKey(file)).toThrow(refused('KEY_FILE_INVALID'));
    }),
    { numRuns: 300 },
  );
});

test('a key file with any one character changed does not open as another key', async () => {
  const { privatePem, publicPem } = await generateKeyPair('x');
  const position = fc.integer({ min: 0, max: privatePem.length - 1 });
  await fc.assert(
    fc.asyncProperty(
      position,
      fc.constantFrom('A', 'z', '0', '+', '/', '=', ' ', '\n', '-', '{'),
      async (at, character) => {
        const changed = privatePem.slice(0, at) + character + privatePem.slice(at + 1);
        const outcome = await readPrivateKey(changed, 'x').catch((error: unknown) => error);
        if (outcome instanceof SigningKey) expect(outcome.public.pem).toBe(publicPem);
        else expect(outcome).toEqual(refused('KEY_FILE_INVALID'));
      },
    ),
    { numRuns: 60 },
  );
});
