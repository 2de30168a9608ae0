/**
 * The reference that a bundle's statement is for. cosign's predicate has no field for it, but may have any content.
 * Without a reference, a user with push access could move a tag to any other image that the key has signed.
 */
import { z } from 'zod';
import type { Digest } from '../../lib/oci/digest.ts';
import type { SigningKey } from './key.ts';
import { attest, predicateTypes, type Attestation, type Statement } from './statement.ts';

/** As in simple signing (containers-signature(5)). */
const predicateSchema = z.object({
  critical: z.object({ identity: z.object({ 'docker-reference': z.string() }) }),
});
/** HOST/REPOSITORY, with or without a tag; any other text is ignored. */
const referenceForm = /^[^/\s]*[.:][^/\s]*\/[^\s]+$|^localhost\/[^\s]+$/;

export function attestReference(key: SigningKey, image: Digest, name: string): Attestation {
  const predicate = { critical: { identity: { 'docker-reference': name } } };
  return attest(key, image, predicateTypes.signature, predicate);
}

/**
 * Whether a newer statement replaces an older one: of the same kind and reference, or, for signatures, both without
 * one. Revocations are never replaced.
 */
export function isSameClaim(newer: Statement, older: Statement): boolean {
  const { predicateType } = newer;
  if (predicateType !== older.predicateType || predicateType === predicateTypes.revocation) return false;
  const reference = referenceOf(older);
  return (
    reference === referenceOf(newer) ||
    (predicateType === predicateTypes.signature && reference === undefined)
  );
}

/**
 * Milliner's statements have it in the predicate, others in the subject's name (`cosign attest`, GitHub); undefined if
 * neither has.
 */
export function referenceOf({ predicate, subjectName }: Statement): string | undefined {
  const { success, data } = predicateSchema.safeParse(predicate);
  if (success) return data.critical.identity['docker-reference'];
  return subjectName !== undefined && referenceForm.test(subjectName) ? subjectName : undefined;
}
