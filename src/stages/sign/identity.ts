/** Of which reference a signature is: the rule that podman and skopeo have by default (matchRepoDigestOrExact). */
import { MillinerError } from '../../lib/errors/error.ts';
import { parseReference, showReference } from '../../lib/registry/reference.ts';

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
  const canonical = canonicalName(signed);
  const isRepository = orRepository && canonical === repositoryOf(reference);
  if (canonical === reference || repositoryOf(canonical) === reference || isRepository) return signed;
  throw new MillinerError('SIGNED_ELSEWHERE', `${name} signs ${printable(signed)}, not ${reference}`, {
    details: { signed: signed.slice(0, 300), reference },
  });
}

export function printable(text: string): string {
  return JSON.stringify(text.slice(0, 300));
}

/** Clients write Docker Hub's names in several ways. */
function canonicalName(signed: string): string {
  try {
    return showReference(parseReference(signed));
  } catch (error) {
    if (error instanceof MillinerError) return signed;
    throw error;
  }
}

/** A colon before the last slash is that of a port. */
function repositoryOf(reference: string): string {
  return reference.replace(/(\/[^/:]+):[^/:]+$/, '$1');
}
