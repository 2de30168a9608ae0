/** The layers of an image: its packages' as the lock has planned them, the rpm database, and what nothing explains. */
import { availableParallelism } from 'node:os';
import { inParallel } from '../host/parallel.ts';
import { stoppable } from '../host/stoppable.ts';
import type { ImageLayer } from '../image/image.ts';
import { checkLayers } from '../layer/check.ts';
import { changedSince, changesOf, type Changed, type Changes, type IsKnown } from '../layer/changes.ts';
import { mediaTypes, usualLevel, type Compression } from '../layer/compress.ts';
import { encodeLayer } from '../layer/encode.ts';
import type { ListedEntry } from '../layer/listing.ts';
import { filesOf } from '../layer/predict.ts';
import { splitChanged, type Held } from '../layer/split.ts';
import { LayerSum } from '../layer/sum.ts';
import type { Tree } from '../layer/tree.ts';
import { layerParts } from '../layer/write.ts';
import type { Recipe } from '../recipe/schema.ts';
import type { Context } from './context.ts';
import type { LayerWorkers } from './layerworkers.ts';
import type { PackageLayer, PackageLayers, WrittenLayer } from './packagelayers.ts';
import { readListing } from './trees.ts';

export interface LayerJob {
  /** The recipe's name. */
  recipe: string;
  /** Where the tree is mounted. */
  target: string;
  tree: Tree;
  parent: Tree | undefined;
  planned: PackageLayer[];
  packageLayers: PackageLayers;
  layerWorkers: LayerWorkers;
  dbPath: string;
  compression: Compression;
  isKnown: IsKnown;
}

export interface WrittenLayers {
  /** Lowest first. */
  layers: ImageLayer[];
  /** Base and packages alone. */
  below: Tree;
  /** What they do not explain. */
  changed: Changed;
}

export function compressionOf({ compression: kind, level }: Recipe['layers']): Compression {
  return { kind, level: level ?? usualLevel[kind] };
}

/** Every regular file of the tree has its digest afterwards. Throws LAYERS_DIFFER where the layers are not the tree. */
export async function writeLayers(context: Context, job: LayerJob): Promise<WrittenLayers> {
  const { recipe, target, tree, parent, planned } = job;
  const own = await job.packageLayers.all(planned);
  const below = packagesOn(parent, planned);
  const changed = await changedSince(target, tree, below, job.isKnown);
  const rest = await inParallel(
    splitChanged(tree, changed, job.dbPath),
    availableParallelism(),
    context.signal,
    ([holds, part], signal) => changeLayer({ ...context, signal }, job, holds, changesOf(tree, part)),
  );
  const listings = await Promise.all(own.map(({ listing }) => readListing(context, listing)));
  for (const { listing } of rest) listings.push(listing);
  await checkLayers({ base: parent, listings, root: target, tree, unexplained: changed.paths });
  const layers = [...own, ...rest].map(({ layer }) => ({ ...layer, recipe }));
  return { layers, below, changed };
}

/** What an image shows once its package layers lie on its base, as they are expected to be. */
function packagesOn(parent: Tree | undefined, planned: readonly PackageLayer[]): Tree {
  const sum = new LayerSum(parent);
  for (const { directories, packages } of planned) {
    const files = packages.flatMap((one) => filesOf(one).map(({ entry }) => entry));
    sum.lay({ entries: [...directories, ...files], deleted: [] });
  }
  return sum.tree;
}

async function changeLayer(
  { content, signal }: Context,
  { target, compression, layerWorkers }: LayerJob,
  holds: Held,
  changes: Changes,
): Promise<{ layer: WrittenLayer; listing: ListedEntry[] }> {
  const layer = encodeLayer(layerParts(target, changes), compression);
  const blob = await content.ingestStream(stoppable(layer.bytes, signal));
  const annotations = layer.annotations();
  const mediaType = mediaTypes[compression.kind];
  const { diffID, listing } = await layerWorkers.read({ ...blob, mediaType, annotations }, signal);
  const written = { ...blob, diffID, ...(annotations && { annotations }), mediaType, holds };
  return { layer: written, listing };
}
