/**
 * cosign's encrypted private key: JSON of go-securesystemslib's `encrypted` package. scrypt derives the key from the
 * password; nacl/secretbox (XSalsa20-Poly1305) encrypts the content and detects a wrong password.
 */
import { randomBytes, scrypt } from 'node:crypto';
import { promisify } from 'node:util';
import { secretbox } from '@noble/ciphers/salsa.js';
import { z } from 'zod';
import { readBase64, readJson, type Refuse } from './untrusted-json.ts';

const scryptAsync = promisify<string, Buffer, number, object, Buffer>(scrypt);

/** The parameters that cosign uses. */
const ownParameters = { N: 65_536, r: 8, p: 1 };
const keyLength = 32;
const saltLength = 32;
const nonceLength = 24;

const base64 = z.string().max(65_536);
const boxSchema = z.object({
  kdf: z.object({
    name: z.literal('scrypt'),
    // At most 256 MiB and four rounds, because the parameters are read before the file is verified.
    params: z.object({
      N: z
        .int()
        .min(2)
        .max(1 << 18)
        .refine((n) => Number.isInteger(Math.log2(n)), 'must be a power of two'),
      r: z.int().min(1).max(8),
      p: z.int().min(1).max(4),
    }),
    salt: base64,
  }),
  cipher: z.object({ name: z.literal('nacl/secretbox'), nonce: base64 }),
  ciphertext: base64,
});

export async function sealBox(content: Uint8Array, password: string): Promise<Buffer> {
  const salt = randomBytes(saltLength);
  const nonce = randomBytes(nonceLength);
  const key = await deriveKey(password, salt, ownParameters);
  const box = {
    kdf: { name: 'scrypt', params: ownParameters, salt: salt.toString('base64') },
    cipher: { name: 'nacl/secretbox', nonce: nonce.toString('base64') },
    ciphertext: Buffer.from(secretbox(key, nonce).seal(content)).toString('base64'),
  };
  return Buffer.from(JSON.stringify(box), 'utf8');
}

export async function openBox(bytes: Uint8Array, password: string, refuse: Refuse): Promise<Buffer> {
  const { kdf, cipher, ciphertext } = readJson(bytes, boxSchema, refuse);
  const nonce = readBase64(cipher.nonce);
  const salt = readBase64(kdf.salt);
  const sealed = readBase64(ciphertext);
  if (!salt || !sealed || nonce?.length !== nonceLength) throw refuse('holds malformed base64');
  const key = await deriveKey(password, salt, kdf.params);
  try {
    return Buffer.from(secretbox(key, nonce).open(sealed));
  } catch {
    throw refuse('does not open with this password');
  }
}

function deriveKey(password: string, salt: Buffer, { N, r, p }: typeof ownParameters): Promise<Buffer> {
  // Twice what RFC 7914 needs, because OpenSSL also counts its own working memory.
  return scryptAsync(password, salt, keyLength, { N, r, p, maxmem: 256 * N * r + 1024 * r * p + (1 << 20) });
}
