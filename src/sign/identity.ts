/** Of which reference a signature is: the rule that podman and skopeo have by default (matchRepoDigestOrExact). */
import { MillinerError } from '../errors.ts';

export interface ExpectedIdentity {
  /** REGISTRY/REPOSITORY:TAG, or REGISTRY/REPOSITORY for whatever tag. */
  reference: string;
  /** Whether a signature of the reference's repository will do: cosign before version 3 writes no other. */
  orRepository?: boolean;
}

/**
 * Gives what was signed: the very tag where the reference has one, its repository where it has none. Throws
 * SIGNED_ELSEWHERE.
 */
export function requireIdentity(
  signed: string,
  { reference, orRepository = false }: ExpectedIdentity,
  name: string,
): string {
  const isRepository = orRepository && signed === repositoryOf(reference);
  if (signed === reference || repositoryOf(signed) === reference || isRepository) return signed;
  throw new MillinerError('SIGNED_ELSEWHERE', `${name} signs ${printable(signed)}, not ${reference}`, {
    details: { signed: signed.slice(0, 300), reference },
  });
}

export function printable(text: string): string {
  return JSON.stringify(text.slice(0, 300));
}

/** A colon before the last slash is that of a port. */
function repositoryOf(reference: string): string {
  return reference.replace(/(\/[^/:]+):[^/:]+$/, '$1');
}
