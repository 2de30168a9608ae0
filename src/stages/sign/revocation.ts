/**
 * Revokes an image, or its verdicts, with the key that signed them. A revoked image stays revoked. A revocation of
 * verdicts lists them, so the verdict of a later boot counts.
 */
import { z } from 'zod';
import type { Digest } from '../../lib/oci/digest.ts';
import type { FoundEnvelope } from './attestation.ts';
import type { SigningKey } from './key.ts';
import type { PublicKey } from './public-key.ts';
import { validStatements } from './standing.ts';
import { attest, predicateTypes, type Attestation } from './statement.ts';

export interface Revocation {
  /** Digests of the verdicts' payloads; absent if the image itself is revoked. */
  verdicts?: string[] | undefined;
  reason: string;
  /** Seconds since 1970. */
  time: number;
}

const predicateSchema = z.object({
  verdicts: z.array(z.string()).optional(),
  reason: z.string(),
  time: z.int().nonnegative(),
});

export function attestRevocation(key: SigningKey, image: Digest, revocation: Revocation): Attestation {
  return attest(key, image, predicateTypes.revocation, revocation);
}

export function revocationsOf(
  expected: { key: PublicKey; digest: Digest },
  envelopes: readonly FoundEnvelope[],
): Revocation[] {
  return validStatements(expected, envelopes).flatMap(({ predicateType, predicate }) => {
    if (predicateType !== predicateTypes.revocation) return [];
    const { success, data } = predicateSchema.safeParse(predicate);
    // A signed revocation of unknown format: it counts for the whole image, because its exceptions cannot be read.
    return [success ? data : { reason: 'in a form that is not known here', time: 0 }];
  });
}
