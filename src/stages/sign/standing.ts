/**
 * Signed statements about the image that a tag names now. Each has an expiry, and a number that increases. It is
 * attached to the image like other statements. A signature says that an image was once published under a tag, and stays
 * valid: without these statements, a user with push access could move the tag back to an older image with a
 * vulnerability.
 */
import { z } from 'zod';
import { MillinerError } from '../../lib/errors/error.ts';
import type { Digest } from '../../lib/oci/digest.ts';
import type { FoundEnvelope } from './attestation.ts';
import type { SigningKey } from './key.ts';
import type { PublicKey } from './public-key.ts';
import { referenceOf } from './reference-claim.ts';
import { attest, openEnvelope, predicateTypes, type Attestation, type Statement } from './statement.ts';

export interface Standing {
  /** REGISTRY/REPOSITORY:TAG */
  reference: string;
  /** Greater than that of any earlier statement by this key about this reference. */
  number: number;
  /** Seconds since 1970. */
  issued: number;
  expires: number;
}

const predicateSchema = z.object({
  number: z.int().nonnegative(),
  issued: z.int().nonnegative(),
  expires: z.int().nonnegative(),
});

export function attestStanding(key: SigningKey, image: Digest, standing: Standing): Attestation {
  const { reference, ...rest } = standing;
  const predicate = { critical: { identity: { 'docker-reference': reference } }, ...rest };
  return attest(key, image, predicateTypes.standing, predicate);
}

/** The newest for each reference. Statements that are damaged or by other keys are ignored. */
export function standingsOf(
  expected: { key: PublicKey; digest: Digest },
  envelopes: readonly FoundEnvelope[],
): Map<string, Standing> {
  const newest = new Map<string, Standing>();
  for (const statement of validStatements(expected, envelopes)) {
    const reference = referenceOf(statement);
    const { success, data } = predicateSchema.safeParse(statement.predicate);
    if (statement.predicateType !== predicateTypes.standing || reference === undefined || !success) continue;
    if ((newest.get(reference)?.number ?? -1) < data.number) newest.set(reference, { reference, ...data });
  }
  return newest;
}

/** All valid statements of this key about the image. */
export function validStatements(
  expected: { key: PublicKey; digest: Digest },
  envelopes: readonly FoundEnvelope[],
): Statement[] {
  return envelopes.flatMap((envelope) => {
    try {
      return [openEnvelope(expected, envelope.read(), envelope.name)];
    } catch (error) {
      if (error instanceof MillinerError) return [];
      throw error;
    }
  });
}
