/** Shows the claims in the data of a job as what they say. Sealed, they are base64 that people cannot read. */
import { z } from 'zod';
import { sealedSchema, type Sealed } from '../queue/sealed.ts';

const maxDepth = 6;
const jsonSchema = z.json();

/** The seals are not verified: nothing is decided by what is shown. */
export function shownClaims(value: unknown, depth = 0): unknown {
  if (depth > maxDepth || typeof value !== 'object' || value === null) return value;
  const sealed = sealedSchema.safeParse(value);
  if (sealed.success) return shownClaim(sealed.data);
  if (Array.isArray(value)) return value.map((one) => shownClaims(one, depth + 1));
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, shownClaims(one, depth + 1)]));
}

function shownClaim({ payloadType, payload, signatures }: Sealed): object {
  const about = { type: payloadType, machine: signatures[0]!.keyid };
  try {
    return { ...about, says: jsonSchema.parse(JSON.parse(Buffer.from(payload, 'base64').toString('utf8'))) };
  } catch {
    return { ...about, says: 'not JSON' };
  }
}
