/**
 * What this state knows of the tags that its workers have moved: whoever empties or rewrites the queue's Redis may put
 * an old request into it again, and its images must not take the place of newer ones.
 */
import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { MillinerError } from '../lib/errors/error.ts';
import { writeFileAtomic } from '../lib/host/atomic-file.ts';
import { readTextIfThere } from '../lib/host/files.ts';
import { withLock } from '../lib/host/locks.ts';

const movedSchema = z.strictObject({ reference: z.string(), at: z.int() });

const nameOf = (reference: string) => createHash('sha256').update(reference).digest('hex');
const pathOf = (state: string, reference: string) => join(state, 'moved', `${nameOf(reference)}.json`);

/** Runs fn, which moves the tags for a request of that time, and remembers it. Throws RELEASE_SUPERSEDED, STATE_INVALID. */
export async function movingTags<T>(
  state: string,
  references: readonly string[],
  at: number,
  fn: () => Promise<T>,
): Promise<T> {
  if (references.length === 0) return fn();
  await mkdir(join(state, 'moved'), { recursive: true, mode: 0o700 });
  for (const reference of references) await requireNewest(state, reference, at);
  const result = await fn();
  for (const reference of references) await remember(state, reference, at);
  return result;
}

async function requireNewest(state: string, reference: string, at: number): Promise<void> {
  const last = await lastMove(pathOf(state, reference));
  if (last === undefined || last <= at) return;
  throw new MillinerError('RELEASE_SUPERSEDED', `${reference} was moved by a later release from here`, {
    details: { reference, asked: new Date(at).toISOString(), moved: new Date(last).toISOString() },
  });
}

/** Another worker of this state may have moved it for a later request meanwhile. */
async function remember(state: string, reference: string, at: number): Promise<void> {
  const path = pathOf(state, reference);
  const note = async () => {
    if (at > ((await lastMove(path)) ?? 0)) await writeFileAtomic(path, JSON.stringify({ reference, at }));
  };
  await withLock(join(state, 'locks', `moved-${nameOf(reference)}`), 'exclusive', note, { wait: true });
}

async function lastMove(path: string): Promise<number | undefined> {
  const text = await readTextIfThere(path);
  if (text === undefined) return undefined;
  try {
    return movedSchema.parse(JSON.parse(text)).at;
  } catch (cause) {
    throw new MillinerError('STATE_INVALID', `${path} does not tell when a tag was moved`, { cause });
  }
}
