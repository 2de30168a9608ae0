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
export interface SeenRecord {
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
const clockTolerance = 60 * 60 * 1000;

/** Without what is not a time that has been: a revision may be any number. */
export function withoutFuture({ revision, timestamp }: Age, now = Date.now()): Age {
  const latest = (now + clockTolerance) / 1000;
  return {
    revision: revision !== null && revision > latest ? null : revision,
    timestamp: timestamp > latest ? 0 : timestamp,
  };
}

/** Throws METADATA_OLDER, with both ages in its details; STATE_INVALID. */
export async function refuseOlder(record: SeenRecord, repository: string, offered: Age): Promise<void> {
  if (record.allowOlder) return;
  const seen = await readSeen(record);
  const age = withoutFuture(offered);
  if (!seen || !isOlder(age, seen)) return;
  const message = `repository ${repository}: its metadata is of ${show(age)}, older than the ${show(seen)} seen before`;
  throw new MillinerError('METADATA_OLDER', message, { details: { repository, found: age, seen } });
}

/** To be called when the metadata has been verified, and is vouched for or allowed: nothing else may move the mark. */
export async function recordSeen(record: SeenRecord, offered: Age): Promise<void> {
  const age = withoutFuture(offered);
  await mkdir(record.directory, { recursive: true });
  await withLock(
    join(record.directory, 'lock'),
    'exclusive',
    async () => {
      const seen = await readSeen(record);
      // Another process may have seen a newer one meanwhile.
      if (seen && !record.allowOlder && !isOlder(seen, age)) return;
      await writeFileAtomic(pathOf(record), JSON.stringify(age));
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

async function readSeen(record: SeenRecord): Promise<Age | undefined> {
  const path = pathOf(record);
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  try {
    return withoutFuture(ageSchema.parse(JSON.parse(text)));
  } catch (cause) {
    throw new MillinerError('STATE_INVALID', `${path} does not say what was seen of a repository`, {
      cause,
      hint: 'Remove the file. The repository then counts as never seen.',
    });
  }
}

function pathOf({ directory, place, authority }: SeenRecord): string {
  const name = createHash('sha256')
    .update(JSON.stringify([place, authority]))
    .digest('hex');
  return join(directory, `${name}.json`);
}

function show({ revision, timestamp }: Age): string {
  return `${revision === null ? 'no revision' : `revision ${revision}`} and time ${timestamp}`;
}
