/**
 * Under which reference a bundle's statement signs its image. cosign's predicate of a signature has no field for it and
 * may hold any; without one, whoever may push can give the tag of one image to any other that the key has ever signed.
 */
import { z } from 'zod';
import type { Digest } from '../../lib/oci/digest.ts';
import type { SigningKey } from './key.ts';
import { attest, predicateTypes, type Attestation, type Statement } from './statement.ts';

/** As in simple signing (containers-signature(5)). */
const predicateSchema = z.object({
  critical: z.object({ identity: z.object({ 'docker-reference': z.string() }) }),
});
/** HOST/REPOSITORY, perhaps with a tag: of what is no such name, nobody knows what it would say. */
const referenceForm = /^[^/\s]*[.:][^/\s]*\/[^\s]+$|^localhost\/[^\s]+$/;

export function attestReference(key: SigningKey, image: Digest, name: string): Attestation {
  const predicate = { critical: { identity: { 'docker-reference': name } } };
  return attest(key, image, predicateTypes.signature, predicate);
}

/**
 * Whether a newer statement takes the place of another: of the same kind and the same reference, or, of signatures, of
 * none. Nothing takes the place of a revocation.
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

/** Ours says it in the predicate, others in the subject's name (`cosign attest`, GitHub); undefined where neither does. */
export function referenceOf({ predicate, subjectName }: Statement): string | undefined {
  const { success, data } = predicateSchema.safeParse(predicate);
  if (success) return data.critical.identity['docker-reference'];
  return subjectName !== undefined && referenceForm.test(subjectName) ? subjectName : undefined;
}
