/** Finds the keys of the recipe that made a package's signatures. */
import type { Header } from './header.ts';
import { signatureIssuer, type Issuer } from './openpgp.ts';
import { refusalOf, type PublicKey, type Refusal, type SigningKey } from './signing-key.ts';
import { signatureTags } from './tags.ts';

export type SignatureProblem =
  | 'unsigned'
  | 'v6-only'
  | 'unknown-key'
  | 'ambiguous-key'
  | 'ambiguous-signature'
  | Refusal['problem']
  | 'untrusted-signature'
  | 'no-digest'
  | 'bad-signature'
  | 'bad-digest'
  | 'truncated'
  | 'unreadable';

export interface VerifiedPackage {
  path: string;
  /** Key ID of the key or subkey that signed, 16 upper-case hex digits. */
  keyId: string;
  /** Fingerprint of the primary key. */
  fingerprint: string;
}

export interface Problem {
  problem: SignatureProblem;
  message: string;
}

/** A result, or the problem that prevents it. */
export type Judgement<T> = T | Problem;

/** Every signature on the package must be by a key of the recipe; the first is reported as the maker. */
export function attribute(
  path: string,
  makers: readonly Issuer[],
  keys: readonly PublicKey[],
): Judgement<VerifiedPackage> {
  const signers = makers.map((maker) => keys.filter((key) => isMaker(key, maker)));
  for (const [i, candidates] of signers.entries()) {
    const refused = refusedMaker(makers[i]!, keys);
    if (refused) return refused;
    const id = makers[i]?.fingerprint ?? makers[i]?.keyId ?? 'unknown';
    const [first, ...others] = new Set(candidates.map((key) => key.fingerprint));
    if (first === undefined) return unknownKey(id);
    if (others.length > 0) {
      return {
        problem: 'ambiguous-key',
        message: `is signed by key ${id}, which two keys of the recipe answer to`,
      };
    }
  }
  const [maker] = makers;
  const keyId = maker?.keyId ?? maker?.fingerprint?.slice(-16) ?? '';
  return { path, keyId, fingerprint: signers[0]?.[0]?.fingerprint ?? '' };
}

function isMaker({ signers }: PublicKey, maker: Issuer): boolean {
  return signers.some((signer) => madeBy(signer, maker));
}

function madeBy(signer: SigningKey, { fingerprint, keyId }: Issuer): boolean {
  if (fingerprint !== undefined) return signer.fingerprint === fingerprint;
  return keyId !== undefined && keyId !== '' && signer.fingerprint.endsWith(keyId);
}

/**
 * Of several copies of a key, one with a later expiry makes the signature valid, and one with a revocation makes it
 * invalid.
 */
export function refusedMaker(maker: Issuer, keys: readonly PublicKey[]): Problem | undefined {
  if (maker.isAmbiguous) {
    return {
      problem: 'ambiguous-signature',
      message: 'has a signature that names two makers, or two times: which of them is meant cannot be told',
    };
  }
  const signers = keys.flatMap((key) => key.signers.filter((signer) => madeBy(signer, maker)));
  if (signers.length === 0) return undefined;
  const { created } = maker;
  if (created === undefined)
    return { problem: 'bad-signature', message: 'has a signature that does not say when it was made' };
  const refusals = signers.map((signer) => refusalOf(signer, created));
  const revoked = refusals.find((refusal) => refusal?.problem === 'revoked-key');
  return revoked ?? (refusals.includes(undefined) ? undefined : refusals[0]);
}

export function issuersOf(signature: Header): Issuer[] {
  const tags = [signatureTags.RSA, signatureTags.DSA, signatureTags.PGP, signatureTags.GPG];
  return tags.flatMap((tag) => {
    const packet = signature.bytes(tag);
    return packet ? [signatureIssuer(packet)] : [];
  });
}

export function unknownKey(id: string): Problem {
  return { problem: 'unknown-key', message: `is signed by key ${id}, which the recipe does not name` };
}
