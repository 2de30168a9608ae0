/** What `gc` keeps: the images of all names with their last generations, those of stacks, and what these stand on. */
import type { Digest } from '../../lib/oci/digest.ts';
import { listBases, type BaseRecord } from './base-records.ts';
import type { Context } from './context.ts';
import { readGenerations } from './generations.ts';
import { listFormer, listRecords, type ImageRecord } from './image-records.ts';
import { imagesOfStacks } from './stack-records.ts';

export interface GcPlan {
  /** Current images and the former ones that stay. */
  images: ImageRecord[];
  /** Images of others that an image is built on, that a stack was booted with, or that were used lately. */
  bases: BaseRecord[];
  otherBases: BaseRecord[];
  blobs: Set<Digest>;
  /** Snapshots that go, children before parents. */
  snapshots: string[];
}

export async function planGc(
  context: Context,
  { usedSince, generations }: { usedSince: Date; generations: number },
): Promise<GcPlan> {
  const current = await listRecords(context.state);
  const ofStacks = await imagesOfStacks(context.state);
  const images = [...current, ...(await keptFormer(context, current, { generations, ofStacks }))];
  const below = new Set([...images.map(({ base }) => base), ...ofStacks]);
  const all = await listBases(context);
  const { bases = [], otherBases = [] } = Object.groupBy(all, ({ record, used }) =>
    below.has(record.manifestDigest) || used >= usedSince ? 'bases' : 'otherBases',
  );
  const kept = bases.map(({ record }) => record);
  return {
    images,
    bases: kept,
    otherBases: otherBases.map(({ record }) => record),
    blobs: new Set([...images.flatMap(blobsOf), ...kept.flatMap(blobsOfBase)]),
    snapshots: await otherSnapshots(context, new Set([...images, ...kept].map((one) => one.snapshot))),
  };
}

/**
 * Images that others have replaced: the last generations of each name, and those of stacks, because a stack that was
 * booted can be run and published although an image of it was built anew.
 */
async function keptFormer(
  { state }: Context,
  current: readonly ImageRecord[],
  { generations, ofStacks }: { generations: number; ofStacks: ReadonlySet<Digest> },
): Promise<ImageRecord[]> {
  const wanted = new Set<string>();
  for (const record of current) {
    const newest = (await readGenerations(state, record)).toReversed().map(({ digest }) => digest);
    for (const digest of [...new Set(newest)].slice(0, generations)) wanted.add(`${record.name} ${digest}`);
  }
  return (await listFormer(state)).filter(
    ({ name, manifestDigest }) => ofStacks.has(manifestDigest) || wanted.has(`${name} ${manifestDigest}`),
  );
}

function blobsOf(record: ImageRecord): Digest[] {
  const layers = record.layers.map(({ digest }) => digest as Digest);
  return [record.manifestDigest, record.configDigest, record.tree, ...layers];
}

function blobsOfBase({ tree, layers }: BaseRecord): Digest[] {
  return [tree, ...layers.map(({ digest }) => digest as Digest)];
}

/** A parent of a snapshot in use stays. */
async function otherSnapshots({ snapshots }: Context, used: Set<string>): Promise<string[]> {
  const committed: { name: string; parent?: string }[] = [];
  const needed = new Set(used);
  await snapshots.walk((one) => {
    if (one.kind === 'committed') committed.push(one);
    // A snapshot that another process has mounted needs its parent, even if no record does.
    else if (one.parent !== undefined) needed.add(one.parent);
  });
  return committed.toReversed().flatMap(({ name, parent }) => {
    if (!needed.has(name)) return [name];
    if (parent !== undefined) needed.add(parent);
    return [];
  });
}
