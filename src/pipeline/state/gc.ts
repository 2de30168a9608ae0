/** gc: removes from the state directory what no image and no lock in use needs. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { readdirIfThere, statIfThere } from '../../lib/host/files.ts';
import { removeTree } from '../../lib/host/remove-tree.ts';
import type { Digest } from '../../lib/oci/digest.ts';
import { cachedEnding } from '../../stages/solve/solv-cache.ts';
import { forgetBase, listBases, type BaseRecord } from './base-records.ts';
import type { Context } from './context.ts';
import {
  findRecord,
  forgetFormer,
  listFormer,
  listRecords,
  removeRecord,
  type ImageRecord,
} from './image-records.ts';
import { forgetLost } from './layer-cache.ts';
import { removeOtherPublications } from './publications.ts';
import { removeOtherVerdicts } from './verdicts.ts';

export interface GcOptions {
  /** Images to forget first, by name or digest. */
  remove: string[];
  /** Packages and metadata used within this many days stay, so that the next build need not fetch them. */
  keepDays: number;
  /** The store is to have no more bytes than this, but for what images need. */
  maxBytes?: number | undefined;
}

export interface Collected {
  images: string[];
  blobs: number;
  bytes: number;
  snapshots: string[];
}

const day = 24 * 3600 * 1000;

/** Waits for running builds, and only then looks at what there is: what they have made meanwhile stays. */
export async function collectGarbage(context: Context, options: GcOptions): Promise<Collected> {
  const { remove, keepDays, maxBytes } = options;
  const { content, state } = context;
  const images: string[] = [];
  let snapshots: string[] = [];
  const usedSince = new Date(Date.now() - keepDays * day);
  const onWait = (holder: string) => context.progress.step(`waiting for ${holder}`);
  const blobs = await content.gc(
    async (collect) => {
      for (const image of remove) {
        const { name } = await findRecord(state, image);
        await removeRecord(state, name);
        images.push(name);
      }
      const records = await listRecords(state);
      const digests = new Set(records.map(({ manifestDigest }) => manifestDigest));
      await removeOtherVerdicts(state, digests);
      await removeOtherPublications(state, digests);
      const bases = await neededBases(context, records, usedSince);
      snapshots = await removeSnapshots(context, new Set([...records, ...bases].map((one) => one.snapshot)));
      const caches = keepDays > 0 ? [] : ['toolroots', 'metadata', 'downloads'];
      for (const folder of caches) await empty(join(state, folder));
      await removeUnused(join(state, 'metadata'), cachedEnding, usedSince);
      const needed = new Set([...records.flatMap(blobsOf), ...bases.flatMap(blobsOfBase)]);
      const removed = await collect(needed, { usedSince, maxBytes });
      await forgetLost(context, new Set(removed.map(({ digest }) => digest)));
      for (const former of await listFormer(state)) {
        if (!(await content.has(former.tree))) await forgetFormer(state, former);
      }
      return removed;
    },
    { wait: true, signal: context.signal, onWait },
  );
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

function blobsOfBase({ tree, layers }: BaseRecord): Digest[] {
  return [tree, ...layers.map(({ digest }) => digest as Digest)];
}

/** Those that an image stands on, and that a build may soon stand on; others are forgotten. */
async function neededBases(context: Context, images: ImageRecord[], usedSince: Date): Promise<BaseRecord[]> {
  const below = new Set(images.map(({ base }) => base));
  const needed: BaseRecord[] = [];
  for (const { record, used } of await listBases(context)) {
    if (below.has(record.manifestDigest) || used >= usedSince) needed.push(record);
    else await forgetBase(context, record);
  }
  return needed;
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

/** Files of what can be made again, and what killed writers left of them: those that use touches, by when that was. */
async function removeUnused(directory: string, ending: string, usedSince: Date): Promise<void> {
  for (const name of (await readdirIfThere(directory)) ?? []) {
    const path = join(directory, name);
    const found = name.includes(ending) ? await statIfThere(path) : undefined;
    if (found && found.mtime < usedSince) await rm(path, { force: true });
  }
}

/** The directory itself stays: a command that waits for its turn has seen that it is there. */
async function empty(directory: string): Promise<void> {
  for (const name of (await readdirIfThere(directory)) ?? []) await removeTree(join(directory, name));
}
