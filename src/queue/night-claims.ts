/**
 * The claims about nights: that a release set is to be run, on a schedule or once, and how a night ended. A job of the
 * queue `night` holds the first, and its result is the second.
 */
import { z } from 'zod';
import { MillinerError } from '../lib/errors/error.ts';
import { digestSchema } from '../pipeline/state/received.ts';
import { cronPattern, setName } from '../stages/recipe/set-schema.ts';
import { forged, peek, sealedSchema, type Claim, type Machines, type Opened } from './sealed.ts';

export const nightQueue = 'night';

const nightSchema = z.strictObject({
  version: z.literal(1),
  /** Milliseconds since 1970. A schedule replaces those of its set that were sealed before. */
  at: z.int().positive(),
  set: setName,
  /** Absolute. A worker opens no other kind of file for a machine that submits. */
  path: z
    .string()
    .max(4096)
    .regex(/^\/[^\0]*\.ya?ml$/),
  plainHttp: z.boolean(),
  /** Absent: it runs once. */
  cron: cronPattern.optional(),
});
export type NightClaim = z.infer<typeof nightSchema>;

const nightEndSchema = z.strictObject({
  /** Digest of the claim that the night was started for. */
  night: digestSchema,
  host: z.string().max(255),
  started: z.iso.datetime(),
  finished: z.iso.datetime(),
  exitCode: z.int().min(0).max(255),
  /** What `nightly --json` answered; absent where it is too large for the queue. */
  answer: z.record(z.string(), z.unknown()).optional(),
});
export type NightEnd = z.infer<typeof nightEndSchema>;

export const nightClaims = {
  night: { name: 'night', right: 'submit', schema: nightSchema },
  end: { name: 'night-end', right: 'build', schema: nightEndSchema },
} as const satisfies Record<string, Claim<unknown>>;

/** The data of a job. */
const nightJobSchema = z.strictObject({ night: sealedSchema });

/** What a job or a schedule asks for. Throws QUEUE_FORGED, MACHINE_UNKNOWN, RELEASE_FAILED. */
export async function openNight(machines: Machines, data: unknown): Promise<Opened<NightClaim>> {
  const parsed = nightJobSchema.safeParse(data);
  if (!parsed.success) throw forged(nightClaims.night, 'it is malformed');
  return machines.open(nightClaims.night, parsed.data.night);
}

/** The night that a job or a schedule is about, to be shown: its seal is not verified. Undefined if it has none. */
export function peekNight(data: unknown): NightClaim | undefined {
  try {
    return peek(nightClaims.night, (data as { night?: unknown } | undefined)?.night).body;
  } catch (error) {
    if (error instanceof MillinerError) return undefined;
    throw error;
  }
}
