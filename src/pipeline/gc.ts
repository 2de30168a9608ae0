/** gc: removes from the state directory what no image and no lock in use needs. */
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Digest } from '../content/digest.ts';
import type { Context } from './context.ts';
import { findRecord, listRecords, removeRecord, type ImageRecord } from './records.ts';

export interface GcOptions {
  /** Images to forget first, by name or digest. */
  remove: string[];
  /** Packages and metadata used within this many days stay, so that the next build need not fetch them. */
  keepDays: number;
}

export interface Collected {
  images: string[];
  blobs: number;
  bytes: number;
  snapshots: string[];
}

const day = 24 * 3600 * 1000;

/** Waits for running builds: what they have fetched but not yet used is theirs. */
export async function collectGarbage(context: Context, { remove, keepDays }: GcOptions): Promise<Collected> {
  const { content, state } = context;
  const images: string[] = [];
  for (const image of remove) {
    const { name } = await findRecord(state, image);
    await removeRecord(state, name);
    images.push(name);
  }
  const records = await listRecords(state);
  const keep = new Set(records.flatMap(blobsOf));
  const since = new Date(Date.now() - keepDays * day);
  let snapshots: string[] = [];
  const meanwhile = async () => {
    snapshots = await removeSnapshots(context, new Set(records.map(({ snapshot }) => snapshot)));
    if (keepDays > 0) return;
    for (const folder of ['toolroots', 'metadata', 'downloads']) await empty(join(state, folder));
  };
  const onWait = (holder: string) => context.progress.step(`waiting for ${holder}`);
  const blobs = await content.gc(keep, since, { wait: true, signal: context.signal, onWait, meanwhile });
  return { images, snapshots, blobs: blobs.length, bytes: blobs.reduce((sum, { size }) => sum + size, 0) };
}

function blobsOf(record: ImageRecord): Digest[] {
  return [
    record.manifestDigest,
    record.configDigest,
    record.tree,
    ...record.layers.map(({ digest }) => digest as Digest),
  ];
}

/** Children before parents; one that a child in use stands on stays. */
async function removeSnapshots({ snapshots }: Context, keep: Set<string>): Promise<string[]> {
  const committed: { name: string; parent?: string }[] = [];
  const needed = new Set(keep);
  await snapshots.walk((one) => {
    if (one.kind === 'committed') committed.push(one);
    // What another process has mounted stands on its parent, whether or not a record names it.
    else if (one.parent !== undefined) needed.add(one.parent);
  });
  const removed: string[] = [];
  for (const { name, parent } of committed.toReversed()) {
    if (needed.has(name)) {
      if (parent !== undefined) needed.add(parent);
      continue;
    }
    await snapshots.remove(name);
    removed.push(name);
  }
  return removed;
}

async function empty(directory: string): Promise<void> {
  for (const name of await readdir(directory).catch(() => [])) {
    await rm(join(directory, name), { recursive: true, force: true });
  }
}
