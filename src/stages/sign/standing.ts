/**
 * What a tag names now: a statement that is signed, has an end, and a number that grows with each. It hangs on the image
 * as its other statements do. A signature says that an image was once published under a tag, and stays true for ever:
 * whoever may push could give the tag back to an older one that has a hole.
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
  /** Greater than that of any earlier statement of this key on this reference. */
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

/** The newest for each reference. One that is damaged or another key's says nothing: it is as if it was not there. */
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

/** All that this key has stated of the image and that can be read. */
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
