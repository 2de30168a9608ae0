/** Key pairs as cosign has them: ECDSA on P-256, the private one in an encrypted PEM, the public one as SPKI. */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
} from 'node:crypto';
import { p256 } from '@noble/curves/nist.js';
import { MillinerError } from '../errors.ts';
import { openBox, sealBox } from './encrypted.ts';
import type { Refuse } from './untrusted.ts';

export interface KeyPair {
  privatePem: string;
  publicPem: string;
}

export interface PublicKey {
  key: KeyObject;
  pem: string;
  /** base64 of the SPKI's sha256: how sigstore bundles name the key that signed them. */
  hint: string;
}

const privateType = 'ENCRYPTED SIGSTORE PRIVATE KEY';
/** What cosign before 2.0 wrote. */
const readTypes = [privateType, 'ENCRYPTED COSIGN PRIVATE KEY'];
const curve = 'prime256v1';
const largestFile = 65_536;

/** Keeps the secret where neither JSON nor a debugger's print finds it. */
export class SigningKey {
  readonly public: PublicKey;
  readonly #secret: Uint8Array;

  constructor(secret: Uint8Array, publicKey: PublicKey) {
    this.#secret = secret;
    this.public = publicKey;
  }

  /**
   * The DER form of an ECDSA signature over the sha256. Its nonce is RFC 6979's: the same content always gives the
   * same signature, so that what is published twice is the same bytes.
   */
  sign(content: Uint8Array): Buffer {
    const options = { prehash: true, lowS: false, extraEntropy: false, format: 'der' } as const;
    return Buffer.from(p256.sign(content, this.#secret, options));
  }
}

export async function generateKeyPair(password: string): Promise<KeyPair> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: curve });
  const sealed = await sealBox(privateKey.export({ format: 'der', type: 'pkcs8' }), password);
  return { privatePem: armour(privateType, sealed), publicPem: pemOf(publicKey) };
}

/** `name` tells an error which file it is about. Throws KEY_FILE_INVALID. */
export async function readPrivateKey(
  pem: string,
  password: string,
  name = 'the private key',
): Promise<SigningKey> {
  const refuse = refuseKey(name);
  const block = readArmour(pem);
  if (!block || !readTypes.includes(block.type)) {
    throw refuse(`is no encrypted private key of cosign's form${block ? `, but ${block.type}` : ''}`);
  }
  const content = await openBox(block.content, password, refuse);
  let key: KeyObject;
  try {
    key = createPrivateKey({ key: content, format: 'der', type: 'pkcs8' });
  } catch {
    throw refuse('holds no PKCS #8 key');
  }
  const publicKey = describePublic(createPublicKey(key), refuse);
  const { d } = key.export({ format: 'jwk' });
  return new SigningKey(Buffer.from(d!, 'base64url'), publicKey);
}

/** Throws KEY_FILE_INVALID. */
export function readPublicKey(pem: string, name = 'the public key'): PublicKey {
  const refuse = refuseKey(name);
  const block = readArmour(pem);
  if (block?.type !== 'PUBLIC KEY') {
    throw refuse(`is no public key in PEM form${block ? `, but ${block.type}` : ''}`);
  }
  let key: KeyObject;
  try {
    key = createPublicKey({ key: block.content, format: 'der', type: 'spki' });
  } catch {
    throw refuse('holds no SPKI key');
  }
  return describePublic(key, refuse);
}

function describePublic(key: KeyObject, refuse: Refuse): PublicKey {
  if (key.asymmetricKeyType !== 'ec' || key.asymmetricKeyDetails?.namedCurve !== curve) {
    throw refuse(`holds a key of another kind than ECDSA on P-256`);
  }
  const der = key.export({ format: 'der', type: 'spki' });
  return { key, pem: pemOf(key), hint: createHash('sha256').update(der).digest('base64') };
}

function pemOf(key: KeyObject): string {
  return key.export({ format: 'pem', type: 'spki' }).toString();
}

/** RFC 7468. */
function armour(type: string, content: Buffer): string {
  const lines = content.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${type}-----\n${lines.join('\n')}\n-----END ${type}-----\n`;
}

function readArmour(pem: string): { type: string; content: Buffer } | undefined {
  if (pem.length > largestFile) return undefined;
  const found = /^-----BEGIN ([A-Z0-9 ]+)-----$([^-]*)^-----END \1-----$/m.exec(pem.replaceAll('\r\n', '\n'));
  return found ? { type: found[1]!, content: Buffer.from(found[2]!, 'base64') } : undefined;
}

function refuseKey(name: string): Refuse {
  return (what) => new MillinerError('KEY_FILE_INVALID', `${name} ${what}`);
}
