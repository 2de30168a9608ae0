/** For `gc`: removes from the state directory what no image and no current lock needs. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { readdirIfThere, statIfThere } from '../../lib/host/files.ts';
import { removeTree } from '../../lib/host/remove-tree.ts';
import type { Digest } from '../../lib/oci/digest.ts';
import { cachedEnding } from '../../stages/solve/solv-cache.ts';
import { forgetBase, listBases, type BaseRecord } from './base-records.ts';
import { removeOtherHistories } from './boot-history.ts';
import type { Context } from './context.ts';
import { findRecords } from './find-image.ts';
import { forgetFormer, listFormer, listRecords, removeRecord, type ImageRecord } from './image-records.ts';
import { removeOtherIndexes } from './index-records.ts';
import { forgetLost } from './layer-cache.ts';
import { removeOtherPublications } from './publications.ts';
import { imagesOfStacks } from './stack-records.ts';
import { removeOtherVerdicts } from './verdicts.ts';

export interface GcOptions {
  /** Images to remove first, by name or digest. */
  remove: string[];
  /** Packages and metadata that were used within so many days stay, so that the next build need not fetch them. */
  keepDays: number;
  /** Maximum size of the store in bytes; blobs that images need stay anyway. */
  maxBytes?: number | undefined;
}

export interface Collected {
  images: string[];
  blobs: number;
  bytes: number;
  snapshots: string[];
}

const day = 24 * 3600 * 1000;

/** Waits for running builds before it looks: what they have made must stay. */
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
        const found = await findRecords(state, image);
        for (const record of found) await removeRecord(state, record);
        images.push(...new Set(found.map(({ name }) => name)));
      }
      const records = [...(await listRecords(state)), ...(await formerOfStacks(state))];
      const digests = new Set(records.map(({ manifestDigest }) => manifestDigest));
      await removeOtherVerdicts(state, digests);
      await removeOtherHistories(state, records);
      await removeOtherPublications(state, digests);
      await removeOtherIndexes(state, digests);
      const bases = await neededBases(context, records, usedSince);
      snapshots = await removeSnapshots(context, new Set([...records, ...bases].map((one) => one.snapshot)));
      const caches = keepDays > 0 ? [] : ['toolroots', 'metadata', 'downloads'];
      for (const folder of caches) await empty(join(state, folder));
      await removeOlder(join(state, 'metadata'), cachedEnding, usedSince);
      for (const folder of ['proved', 'sboms']) await removeOlder(join(state, folder), '.json', usedSince);
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

/** A stack that was booted can be run and published although an image of it was built anew. */
async function formerOfStacks(state: string): Promise<ImageRecord[]> {
  const digests = await imagesOfStacks(state);
  return (await listFormer(state)).filter(({ manifestDigest }) => digests.has(manifestDigest));
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

/** Bases that an image is built on or that were used lately. Other records are removed. */
async function neededBases(context: Context, images: ImageRecord[], usedSince: Date): Promise<BaseRecord[]> {
  const below = new Set(images.map(({ base }) => base));
  const needed: BaseRecord[] = [];
  for (const { record, used } of await listBases(context)) {
    if (below.has(record.manifestDigest) || used >= usedSince) needed.push(record);
    else await forgetBase(context, record);
  }
  return needed;
}

/** Removes children before parents. A parent of a snapshot in use stays. */
async function removeSnapshots({ snapshots }: Context, used: Set<string>): Promise<string[]> {
  const committed: { name: string; parent?: string }[] = [];
  const needed = new Set(used);
  await snapshots.walk((one) => {
    if (one.kind === 'committed') committed.push(one);
    // A snapshot that another process has mounted needs its parent, even if no record does.
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

/** Removes cached files and leftovers of killed writers by their age. One that is still needed is made again. */
async function removeOlder(directory: string, ending: string, than: Date): Promise<void> {
  for (const name of (await readdirIfThere(directory)) ?? []) {
    const path = join(directory, name);
    const found = name.includes(ending) ? await statIfThere(path) : undefined;
    if (found && found.mtime < than) await rm(path, { force: true });
  }
}

/** The directory itself stays, because a waiting command has checked already that it exists. */
async function empty(directory: string): Promise<void> {
  for (const name of (await readdirIfThere(directory)) ?? []) await removeTree(join(directory, name));
}
