/** Checks which reference a signature is for, by the default rule of podman and skopeo (matchRepoDigestOrExact). */
import { MillinerError } from '../../lib/errors/error.ts';
import { parseReference, showReference } from '../../lib/registry/reference.ts';

export interface ExpectedIdentity {
  /** REGISTRY/REPOSITORY:TAG, or REGISTRY/REPOSITORY for any tag. */
  reference: string;
  /** Whether to accept a signature for the reference's repository, because cosign before version 3 writes no other. */
  orRepository?: boolean;
}

/**
 * Returns the signed reference: it must equal a reference with a tag, and have the repository of one without. Throws
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

/** Clients write Docker Hub's name in several ways. */
function canonicalName(signed: string): string {
  try {
    return showReference(parseReference(signed));
  } catch (error) {
    if (error instanceof MillinerError) return signed;
    throw error;
  }
}

/** A colon before the last slash belongs to a port. */
function repositoryOf(reference: string): string {
  return reference.replace(/(\/[^/:]+):[^/:]+$/, '$1');
}
