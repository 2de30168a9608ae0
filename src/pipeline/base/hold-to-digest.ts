/**
 * Checks an image against its digest before it boots, runs or is built on. Its layers are read again, and the tree in
 * the state must be what they unpack to. So what is tested is what will be signed.
 */
import { createHash } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { MillinerError } from '../../lib/errors/error.ts';
import { stampOf } from '../../lib/host/hash-files.ts';
import { inParallel } from '../../lib/host/parallel.ts';
import { forgetBetweenJobs } from '../../lib/host/process-memory.ts';
import type { Digest } from '../../lib/oci/digest.ts';
import type { ImageLayer } from '../../stages/image/image.ts';
import { checkLayers } from '../../stages/layer/apply/check-layers.ts';
import type { ListedEntry } from '../../stages/layer/tar/listing.ts';
import { treeOf, type Tree } from '../../stages/layer/tree.ts';
import { listBases, type BaseRecord, type Parent } from '../state/base-records.ts';
import { differsFromManifest, sameLayers } from '../state/compare-manifest.ts';
import type { Context } from '../state/context.ts';
import type { ImageRecord } from '../state/image-records.ts';
import { withView } from '../state/snapshots.ts';
import { readTree } from '../state/trees.ts';
import { readContents } from './describe-tree.ts';
import { withLayerWorkers, type LayerWorkers } from './layer-workers.ts';
import { unpackChain } from './unpack-layers.ts';

/** Images that this process has checked, by state and snapshot: the inodes and change times of their files. */
const checkedInodes = new Map<string, string>();
forgetBetweenJobs(() => checkedInodes.clear());

/** Label of a snapshot whose tree is what the layers of an image hold, with what would have changed with it since. */
const heldLabel = 'held';

/**
 * Throws TREE_CHANGED. The first check reads every file and layer. Later ones compare the change time of the disk that
 * the tree lies on, or in the same process the inodes and change times of its files, because the kernel updates change
 * times with every change.
 */
export async function holdToDigest(context: Context, image: ImageRecord | BaseRecord): Promise<void> {
  const field = 'kind' in image ? undefined : await differsFromManifest(context, image);
  if (field !== undefined)
    throw changed(image, `its record has another ${field} than its manifest`, { field });
  const held = await heldState(context, image);
  if (held !== undefined && context.snapshots.stat(image.snapshot)?.labels[heldLabel] === held) return;
  await withView(context, image.snapshot, async (root, key) => {
    const tree = treeOf(await context.snapshots.scan(key));
    const name = `${context.state}\0${image.snapshot}\0${image.manifestDigest}`;
    const inodes = inodesOf(tree);
    if (checkedInodes.get(name) === inodes) return;
    context.progress.step(`reading ${image.name}: its tree must be what its layers hold`);
    await asChanged(image, async () => {
      await readContents(root, tree);
      await holdTree(context, image, root, tree);
    });
    checkedInodes.set(name, inodes);
  });
  if (held !== undefined) context.snapshots.label(image.snapshot, { [heldLabel]: held });
}

type HeldImage = Pick<ImageRecord, 'snapshot' | 'tree' | 'manifestDigest'>;

/** For the build: it has compared layers and tree before it committed the snapshot, and later users need not repeat that. */
export async function markHeld(context: Context, image: HeldImage): Promise<void> {
  const held = await heldState(context, image);
  if (held !== undefined) context.snapshots.label(image.snapshot, { [heldLabel]: held });
}

async function heldState(
  { snapshots }: Context,
  { snapshot, tree, manifestDigest }: HeldImage,
): Promise<string | undefined> {
  const fingerprint = await snapshots.fingerprint(snapshot);
  return fingerprint && `${manifestDigest} ${tree} ${fingerprint}`;
}

async function holdTree(
  context: Context,
  { tree: recorded, layers, name }: Parent,
  root: string,
  tree: Tree,
): Promise<void> {
  const told = { root, tree, unclaimed: new Set<never>() };
  // The tree of others' layers was recorded when they were unpacked.
  await checkLayers({ ...told, base: await readTree(context, recorded), listings: [] });
  const own = layers.filter(({ recipe }) => recipe !== undefined);
  if (own.length === 0) return;
  const base = await foreignTree(context, name, layers.slice(0, layers.length - own.length));
  const listings = await withLayerWorkers(context, (workers) =>
    inParallel(own, availableParallelism(), context.signal, (layer, signal) =>
      listingOf(workers, layer, signal),
    ),
  );
  await checkLayers({ ...told, base, listings });
}

async function listingOf(
  workers: LayerWorkers,
  layer: ImageLayer,
  signal: AbortSignal | undefined,
): Promise<ListedEntry[]> {
  const { mediaType, annotations, diffID } = layer;
  const digest = layer.digest as Digest;
  const read = await workers.list({ digest, mediaType, annotations }, signal);
  if (read.diffID === diffID) return read.listing;
  throw new MillinerError('LAYERS_DIFFER', `the layer ${digest} unpacks to ${read.diffID}, not ${diffID}`);
}

/** The tree of the layers below the first layer of a recipe. */
async function foreignTree(context: Context, name: string, layers: ImageLayer[]): Promise<Tree | undefined> {
  if (layers.length === 0) return undefined;
  const known = (await listBases(context)).find(({ record }) => sameLayers(record.layers, layers))?.record;
  if (known && (await context.content.has(known.tree))) return readTree(context, known.tree);
  // The base came with an image from another machine: unpack its layers separately.
  return withView(context, await unpackChain(context, name, layers), async (root, key) => {
    const tree = treeOf(await context.snapshots.scan(key));
    await readContents(root, tree);
    return tree;
  });
}

function inodesOf(tree: Tree): string {
  const hash = createHash('sha256');
  for (const entry of tree.values()) hash.update(`${entry.path}\0${stampOf(entry)}\0`);
  return hash.digest('hex');
}

/** Codes of a difference. A file that no layer can hold was not in the tree when it was made. */
const changeCodes: string[] = ['LAYERS_DIFFER', 'IMAGE_UNREPRESENTABLE'];

/**
 * A difference while the layers are written is our fault. At this point it means that something has changed the layers
 * or the tree.
 */
async function asChanged(image: Parent, hold: () => Promise<void>): Promise<void> {
  try {
    await hold();
  } catch (error) {
    if (!(error instanceof MillinerError) || !changeCodes.includes(error.code)) throw error;
    throw changed(image, error.message, error.details, error);
  }
}

function changed({ name, snapshot }: Parent, reason: string, details: object, cause?: Error): MillinerError {
  const all = { image: name, snapshot, ...details };
  return new MillinerError('TREE_CHANGED', `${name}: ${reason}`, { details: all, cause });
}
