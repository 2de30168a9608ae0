/**
 * Records the newest state seen of each repository, and refuses older ones. Without a key, an attacker in place of the
 * server can still send metadata that the owner signed long ago: an old state without later security updates (replay),
 * or the same state forever (freeze). Only metadata that a trusted party confirms is recorded, and no times in the
 * future. Otherwise one forged answer would make Milliner refuse every genuine one after it.
 */
import { createHash } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { MillinerError } from '../../lib/errors/error.ts';
import { writeFileAtomic } from '../../lib/host/atomic-file.ts';
import { withLock } from '../../lib/host/locks.ts';
import type { Age } from './repomd.ts';

/** Where the state of one repository is recorded. */
export interface SeenRecord {
  directory: string;
  /** The repository's identity: its URL with variables replaced. */
  place: string;
  /** Digest of the keys or authorities that confirm it: another recipe's keys have a record of their own. */
  authority: string;
  /** Accept an older state, and record it as the newest. */
  allowOlder: boolean;
}

const ageSchema = z.strictObject({ revision: z.int().nullable(), timestamp: z.int() });

/** Milliseconds by which clocks may differ. */
const clockTolerance = 60 * 60 * 1000;

/** Drops values that are not a past time, because a revision may be any number. */
function withoutFuture({ revision, timestamp }: Age, now = Date.now()): Age {
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

/**
 * Call it for verified metadata that a trusted party confirms or the user allows; nothing else may change the record.
 */
export async function recordSeen(record: SeenRecord, offered: Age): Promise<void> {
  const age = withoutFuture(offered);
  await mkdir(record.directory, { recursive: true });
  await withLock(
    join(record.directory, 'lock'),
    'exclusive',
    async () => {
      const seen = await readSeen(record);
      // Another process may have recorded a newer state in the meantime.
      if (seen && !record.allowOlder && !isOlder(seen, age)) return;
      await writeFileAtomic(pathOf(record), JSON.stringify(age));
    },
    { wait: true },
  );
}

/** By revision if both have one that is a number (createrepo_c: the time of its run), otherwise by the newest file. */
function isOlder(one: Age, other: Age): boolean {
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
