/**
 * Public keys of image signers, in PEM (SPKI). Accepted are types that cosign, podman and skopeo verify with, and that
 * are strong enough and in sigstore's registry of algorithms.
 */
import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import { describeOtherPem, readArmour, refuseKey } from './pem.ts';
import type { Refuse } from './untrusted-json.ts';

export interface PublicKey {
  key: KeyObject;
  pem: string;
  /** base64 of the SPKI's sha256, by which sigstore bundles name a key. */
  hint: string;
  /** Such as `RSA 4096`. */
  kind: string;
  /** Hash algorithms of its signatures; `undefined` if the signature algorithm has its own. */
  hashes: readonly (string | undefined)[];
}

/**
 * cosign before 2.6, podman and skopeo sign with SHA-256 for any curve; later versions use the hash that matches the
 * curve's strength (sigstore/cosign#4050). Both are valid.
 */
const curves: Record<string, Pick<PublicKey, 'kind' | 'hashes'>> = {
  prime256v1: { kind: 'ECDSA P-256', hashes: ['sha256'] },
  secp384r1: { kind: 'ECDSA P-384', hashes: ['sha256', 'sha384'] },
  secp521r1: { kind: 'ECDSA P-521', hashes: ['sha256', 'sha512'] },
};
const rsaBits = { min: 2048, max: 4096 };
/** Smaller exponents make forgery easy if padding is checked carelessly; they have long been out of use. */
const minExponent = 65_537n;

const acceptedKinds = 'ECDSA on P-256, P-384 or P-521, RSA of 2048 to 4096 bits, or Ed25519';

/** Throws KEY_FILE_INVALID. */
export function readPublicKey(pem: string, name = 'the public key'): PublicKey {
  const refuse = refuseKey(name);
  const block = readArmour(pem);
  if (block?.type !== 'PUBLIC KEY') throw refuse(`is not a public key in PEM form${describeOtherPem(pem)}`);
  let key: KeyObject;
  try {
    key = createPublicKey({ key: block.content, format: 'der', type: 'spki' });
  } catch {
    throw refuse('holds no SPKI key');
  }
  const read = describePublic(key, refuse);
  // OpenSSL ignores what follows the key, and accepts encodings that Go's clients do not.
  if (!derOf(key).equals(block.content)) throw refuse('holds more than one key in its usual form');
  return read;
}

export function describePublic(key: KeyObject, refuse: Refuse): PublicKey {
  const hint = createHash('sha256').update(derOf(key)).digest('base64');
  return { key, pem: key.export({ format: 'pem', type: 'spki' }).toString(), hint, ...kindOf(key, refuse) };
}

function kindOf(key: KeyObject, refuse: Refuse): Pick<PublicKey, 'kind' | 'hashes'> {
  const { asymmetricKeyType: type = 'none', asymmetricKeyDetails: details = {} } = key;
  if (type === 'ed25519') return { kind: 'Ed25519', hashes: [undefined] };
  if (type === 'ec' && curves[details.namedCurve ?? '']) return curves[details.namedCurve!]!;
  if (type !== 'rsa') {
    const what = type === 'ec' ? `an ECDSA key on ${details.namedCurve}` : `a key of the kind ${type}`;
    throw refuse(`holds ${what}, which is not one of ${acceptedKinds}`);
  }
  const { modulusLength: bits = 0, publicExponent = 0n } = details;
  if (bits < rsaBits.min || bits > rsaBits.max) {
    throw refuse(`holds an RSA key of ${bits} bits, which is not one of ${acceptedKinds}`);
  }
  if (publicExponent < minExponent) {
    throw refuse(`holds an RSA key with the exponent ${publicExponent}, which is too small`);
  }
  return { kind: `RSA ${bits}`, hashes: ['sha256'] };
}

function derOf(key: KeyObject): Buffer {
  return key.export({ format: 'der', type: 'spki' });
}
