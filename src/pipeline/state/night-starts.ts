/**
 * Which nights this state has started. The queue is not trusted to say so: a client that can write to its Redis could
 * have a night started again and again.
 */
import { join } from 'node:path';
import { z } from 'zod';
import { withLock } from '../../lib/host/locks.ts';
import { JsonStore } from './json-store.ts';
import { digestSchema } from './received.ts';

/** Of one set; those that run once. The caller drops those that are too old to be asked for again. */
const maxOnce = 10_000;

const startSchema = z.strictObject({
  /** Digest of the claim that asks for the night. */
  claim: digestSchema,
  /** Milliseconds since 1970, when the claim was made. */
  sealed: z.int().positive(),
  /** Milliseconds since 1970. A night that is resumed keeps the time of its first start. */
  started: z.int().positive(),
  /** Identifies the process that runs it, so that an earlier one does not change what a later one has written. */
  run: z.uuid(),
  /** `open`: it was interrupted or is tried again. `running` when it begins again: its worker has died. */
  phase: z.enum(['running', 'open', 'ended']),
  /** How many workers have died in it. */
  lost: z.int().min(0),
});
export type NightStart = z.infer<typeof startSchema>;

const startsSchema = z.strictObject({
  version: z.literal(1),
  scheduled: startSchema.optional(),
  once: z.array(startSchema).max(maxOnce),
});
export type NightStarts = z.infer<typeof startsSchema>;

/** Changes the record of a set while no other process does. Throws STATE_INVALID, DISK_FULL. */
export async function changeStarts<T>(
  state: string,
  set: string,
  change: (before: NightStarts) => { after: NightStarts; result: T },
): Promise<T> {
  const store = new JsonStore(join(state, 'starts'), {
    what: 'the starts of nights',
    schema: startsSchema,
    version: 1,
    hint: 'Remove the file. The next night of this set may then start once more than its schedule says.',
  });
  return withLock(
    join(state, 'locks', `starts-${set}`),
    'exclusive',
    async () => {
      const { after, result } = change((await store.read(set)) ?? { version: 1, once: [] });
      await store.write(set, after);
      return result;
    },
    { wait: true },
  );
}
