/** For `gc`: removes from the state directory what no image and no current lock needs. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { readdirIfThere, statIfThere } from '../../lib/host/files.ts';
import { removeTree } from '../../lib/host/remove-tree.ts';
import { cachedEnding } from '../../stages/solve/solv-cache.ts';
import { forgetBase } from './base-records.ts';
import { removeOtherHistories } from './boot-history.ts';
import type { Context } from './context.ts';
import { planGc, type GcPlan } from './gc-plan.ts';
import { forgetFormer, listFormer } from './image-records.ts';
import { removeOtherIndexes } from './index-records.ts';
import { forgetLost } from './layer-cache.ts';
import { removeOtherPublications } from './publications.ts';
import { removeOtherVerdicts } from './verdicts.ts';

export interface GcOptions {
  /** Packages and metadata that were used within so many days stay, so that the next build need not fetch them. */
  keepDays: number;
  /** Maximum size of the store in bytes; blobs that images need stay anyway. */
  maxBytes?: number | undefined;
  /** How many images of each name stay, the current one included. */
  generations: number;
  /** Remove nothing, and tell what would go. */
  isDry?: boolean;
}

export interface Collected {
  blobs: number;
  bytes: number;
  snapshots: string[];
}

/** What `gc` keeps without being told otherwise, and what `rmi` leaves. */
export const gcDefaults = { keepDays: 14, generations: 3 };

const day = 24 * 3600 * 1000;

/** Waits for running builds before it looks: what they have made must stay. */
export async function collectGarbage(
  context: Context,
  options: GcOptions,
  first: () => Promise<void> = async () => {},
): Promise<Collected> {
  const { keepDays, maxBytes, generations, isDry = false } = options;
  const { content } = context;
  let snapshots: string[] = [];
  const usedSince = new Date(Date.now() - keepDays * day);
  const onWait = (holder: string) => context.progress.step(`waiting for ${holder}`);
  const blobs = await content.gc(
    async (collect) => {
      await first();
      const plan = await planGc(context, { usedSince, generations });
      ({ snapshots } = plan);
      if (!isDry) await removeRecords(context, plan, options, usedSince);
      const removed = await collect(plan.blobs, { usedSince, maxBytes, isDry });
      if (isDry) return removed;
      await forgetLost(context, new Set(removed.map(({ digest }) => digest)));
      await forgetOtherFormer(context, plan);
      return removed;
    },
    { wait: true, signal: context.signal, onWait },
  );
  return { snapshots, blobs: blobs.length, bytes: blobs.reduce((sum, { size }) => sum + size, 0) };
}

async function removeRecords(
  context: Context,
  { images, otherBases, snapshots }: GcPlan,
  { keepDays }: GcOptions,
  usedSince: Date,
): Promise<void> {
  const { state } = context;
  const digests = new Set(images.map(({ manifestDigest }) => manifestDigest));
  await removeOtherVerdicts(state, digests);
  await removeOtherHistories(state, images);
  await removeOtherPublications(state, digests);
  await removeOtherIndexes(state, digests);
  for (const base of otherBases) await forgetBase(context, base);
  for (const name of snapshots) await context.snapshots.remove(name);
  const caches = keepDays > 0 ? [] : ['toolroots', 'metadata', 'downloads'];
  for (const folder of caches) await empty(join(state, folder));
  await removeOlder(join(state, 'metadata'), cachedEnding, usedSince);
  for (const folder of ['proved', 'sboms']) await removeOlder(join(state, folder), '.json', usedSince);
}

/** One that is not kept can still be compared with while its tree is in the store. */
async function forgetOtherFormer({ state, content }: Context, { images }: GcPlan): Promise<void> {
  const kept = new Set(images.map(({ name, manifestDigest }) => `${name} ${manifestDigest}`));
  for (const former of await listFormer(state)) {
    if (kept.has(`${former.name} ${former.manifestDigest}`)) continue;
    if (!(await content.has(former.tree))) await forgetFormer(state, former);
  }
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
