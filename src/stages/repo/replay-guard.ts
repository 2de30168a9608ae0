/**
 * The newest state that was seen of each repository. Whoever can answer in its stead, and has no key, can still give
 * out what the repository's owner signed long ago: without its later security updates (replay), or for ever the same
 * (freeze). What is older than what was seen is refused. Only what somebody has vouched for counts as seen, and
 * nothing of times to come: one forged answer would else refuse every honest one after it.
 */
import { createHash } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { MillinerError } from '../../lib/errors/error.ts';
import { writeFileAtomic } from '../../lib/host/atomic-file.ts';
import { withLock } from '../../lib/host/locks.ts';
import type { Age } from './repomd.ts';

/** Where one repository's state is remembered. */
export interface Memory {
  directory: string;
  /** What the repository is known by: its URL, filled in. */
  place: string;
  /** Who vouches for it, as a digest of their keys: another recipe's keys have marks of their own. */
  authority: string;
  /** Older is accepted, and is from then on what was seen. */
  allowOlder: boolean;
}

const ageSchema = z.strictObject({ revision: z.int().nullable(), timestamp: z.int() });

/** Milliseconds that clocks may differ. */
const slack = 60 * 60 * 1000;

/** Without what is not a time that has been: a revision may be any number. */
export function plausible({ revision, timestamp }: Age, now = Date.now()): Age {
  const latest = (now + slack) / 1000;
  return {
    revision: revision !== null && revision > latest ? null : revision,
    timestamp: timestamp > latest ? 0 : timestamp,
  };
}

/** Throws METADATA_OLDER, with both ages in its details; STATE_INVALID. */
export async function refuseOlder(memory: Memory, repository: string, told: Age): Promise<void> {
  if (memory.allowOlder) return;
  const seen = await recall(memory);
  const age = plausible(told);
  if (!seen || !isOlder(age, seen)) return;
  const message = `repository ${repository}: its metadata is of ${show(age)}, and was already seen of ${show(seen)}`;
  throw new MillinerError('METADATA_OLDER', message, { details: { repository, found: age, seen } });
}

/** To be called when the metadata has been verified, and is vouched for or allowed: nothing else may move the mark. */
export async function remember(memory: Memory, told: Age): Promise<void> {
  const age = plausible(told);
  await mkdir(memory.directory, { recursive: true });
  await withLock(
    join(memory.directory, 'lock'),
    'exclusive',
    async () => {
      const seen = await recall(memory);
      // Another process may have seen a newer one meanwhile.
      if (seen && !memory.allowOlder && !isOlder(seen, age)) return;
      await writeFileAtomic(pathOf(memory), JSON.stringify(age));
    },
    { wait: true },
  );
}

/** By revision where both have a number for it (createrepo_c: the time of its run), else by the newest file. */
export function isOlder(one: Age, other: Age): boolean {
  if (one.revision !== null && other.revision !== null && one.revision !== other.revision) {
    return one.revision < other.revision;
  }
  return one.timestamp < other.timestamp;
}

async function recall(memory: Memory): Promise<Age | undefined> {
  const path = pathOf(memory);
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  try {
    return plausible(ageSchema.parse(JSON.parse(text)));
  } catch (cause) {
    throw new MillinerError('STATE_INVALID', `${path} does not tell what was seen of a repository`, {
      cause,
      hint: 'Remove the file: the repository then counts as never seen.',
    });
  }
}

function pathOf({ directory, place, authority }: Memory): string {
  const name = createHash('sha256')
    .update(JSON.stringify([place, authority]))
    .digest('hex');
  return join(directory, `${name}.json`);
}

function show({ revision, timestamp }: Age): string {
  return `${revision === null ? 'no revision' : `revision ${revision}`} and time ${timestamp}`;
}
