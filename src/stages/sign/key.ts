/**
 * Milliner's own key pairs, in cosign's format: ECDSA on P-256, the private key as encrypted PEM, the public key as
 * SPKI.
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync, hash, type KeyObject } from 'node:crypto';
import { p256 } from '@noble/curves/nist.js';
import { openBox, sealBox } from './encrypted.ts';
import { armour, readArmour, refuseKey } from './pem.ts';
import { describePublic, type PublicKey } from './public-key.ts';

export interface KeyPair {
  privatePem: string;
  publicPem: string;
}

const privateType = 'ENCRYPTED SIGSTORE PRIVATE KEY';
/** Also the type that cosign before 2.0 wrote. */
const readTypes = [privateType, 'ENCRYPTED COSIGN PRIVATE KEY'];
const curve = 'prime256v1';

/** Keeps the secret in a private field, where neither JSON nor a debugger's output shows it. */
export class SigningKey {
  readonly public: PublicKey;
  readonly #secret: Uint8Array;

  constructor(secret: Uint8Array, publicKey: PublicKey) {
    this.#secret = secret;
    this.public = publicKey;
  }

  /**
   * An ECDSA signature over the sha256, in DER. The nonce is that of RFC 6979, so the same content always gives the
   * same signature, and publishing twice gives the same bytes.
   */
  sign(content: Uint8Array): Buffer {
    const options = { prehash: false, lowS: false, extraEntropy: false, format: 'der' } as const;
    // OpenSSL hashes: the library would do it in JavaScript, and bills of materials are large.
    return Buffer.from(p256.sign(hash('sha256', content, 'buffer'), this.#secret, options));
  }
}

export async function generateKeyPair(password: string): Promise<KeyPair> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: curve });
  const sealed = await sealBox(privateKey.export({ format: 'der', type: 'pkcs8' }), password);
  return { privatePem: armour({ type: privateType, content: sealed }), publicPem: pemOf(publicKey) };
}

/** `name` is the file's name in errors. Throws KEY_FILE_INVALID. */
export async function readPrivateKey(
  pem: string,
  password: string,
  name = 'the private key',
): Promise<SigningKey> {
  const refuse = refuseKey(name);
  const block = readArmour(pem);
  if (!block || !readTypes.includes(block.type)) {
    throw refuse(`is not an encrypted private key of cosign's form${block ? `, but ${block.type}` : ''}`);
  }
  const content = await openBox(block.content, password, refuse);
  let key: KeyObject;
  try {
    key = createPrivateKey({ key: content, format: 'der', type: 'pkcs8' });
  } catch {
    throw refuse('holds no PKCS #8 key');
  }
  if (key.asymmetricKeyDetails?.namedCurve !== curve)
    throw refuse('holds a key of another kind than ECDSA on P-256');
  const publicKey = describePublic(createPublicKey(key), refuse);
  const { d } = key.export({ format: 'jwk' });
  return new SigningKey(Buffer.from(d!, 'base64url'), publicKey);
}

function pemOf(key: KeyObject): string {
  return key.export({ format: 'pem', type: 'spki' }).toString();
}
