/**
 * The tags that this state's workers have moved. An attacker who rewrites the queue's Redis can put an old request into
 * it again, whose images must not replace newer ones; so the times of the moves are stored outside the queue.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { z } from 'zod';
import { MillinerError } from '../lib/errors/error.ts';
import { withLock } from '../lib/host/locks.ts';
import { JsonStore } from '../pipeline/state/json-store.ts';

const movesIn = (state: string) =>
  new JsonStore(join(state, 'moved'), {
    what: 'when a tag was moved',
    schema: z.strictObject({ reference: z.string(), at: z.int() }),
  });
const nameOf = (reference: string) => createHash('sha256').update(reference).digest('hex');

/**
 * Runs fn, which moves the tags for a request of that time, and records the move. Throws RELEASE_SUPERSEDED,
 * STATE_INVALID.
 */
export async function movingTags<T>(
  state: string,
  references: readonly string[],
  at: number,
  fn: () => Promise<T>,
): Promise<T> {
  if (references.length === 0) return fn();
  for (const reference of references) await requireNewest(state, reference, at);
  const result = await fn();
  for (const reference of references) await remember(state, reference, at);
  return result;
}

async function requireNewest(state: string, reference: string, at: number): Promise<void> {
  const last = await movesIn(state).read(nameOf(reference));
  if (last === undefined || last.at <= at) return;
  throw new MillinerError('RELEASE_SUPERSEDED', `a later release from this machine has moved ${reference}`, {
    details: { reference, asked: new Date(at).toISOString(), moved: new Date(last.at).toISOString() },
  });
}

/** Another worker of this state may have moved the tag for a later request in the meantime. */
async function remember(state: string, reference: string, at: number): Promise<void> {
  const name = nameOf(reference);
  const moves = movesIn(state);
  const note = async () => {
    if (at > ((await moves.read(name))?.at ?? 0)) await moves.write(name, { reference, at });
  };
  await withLock(join(state, 'locks', `moved-${name}`), 'exclusive', note, { wait: true });
}
