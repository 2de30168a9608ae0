/** The layers of an image: its packages' as the lock has planned them, the rpm database, and what nothing explains. */
import { availableParallelism } from 'node:os';
import { inParallel } from '../host/parallel.ts';
import { stoppable } from '../host/stoppable.ts';
import type { ImageLayer } from '../image/image.ts';
import { changedSince, changesOf, type Changed, type Changes, type IsKnown } from '../layer/changes.ts';
import { mediaTypes, usualLevel, type Compression } from '../layer/compress.ts';
import { encodeLayer } from '../layer/encode.ts';
import { treeWith, type PredictedPackage } from '../layer/predict.ts';
import { splitChanged, type Held } from '../layer/split.ts';
import type { Tree } from '../layer/tree.ts';
import { layerParts } from '../layer/write.ts';
import type { Recipe } from '../recipe/schema.ts';
import type { Context } from './context.ts';
import type { PackageLayer, PackageLayers, WrittenLayer } from './packagelayers.ts';

export interface LayerJob {
  /** The recipe's name. */
  recipe: string;
  /** Where the tree is mounted. */
  target: string;
  tree: Tree;
  parent: Tree | undefined;
  packages: PredictedPackage[];
  planned: PackageLayer[];
  packageLayers: PackageLayers;
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

/** Every regular file of the tree has its digest afterwards. */
export async function writeLayers(context: Context, job: LayerJob): Promise<WrittenLayers> {
  const { recipe, target, tree, parent, packages, planned, compression } = job;
  const own = await job.packageLayers.all(planned);
  const below = treeWith(parent, packages);
  for (const { directories } of planned) for (const entry of directories) below.set(entry.path, entry);
  const changed = await changedSince(target, tree, below, job.isKnown);
  const rest = await inParallel(
    splitChanged(tree, changed, job.dbPath),
    availableParallelism(),
    context.signal,
    ([holds, part], signal) =>
      changeLayer({ ...context, signal }, target, holds, changesOf(tree, part), compression),
  );
  const layers = [...own, ...rest].map((layer) => ({ ...layer, recipe }));
  return { layers, below, changed };
}

async function changeLayer(
  { content, signal }: Context,
  target: string,
  holds: Held,
  changes: Changes,
  compression: Compression,
): Promise<WrittenLayer> {
  const layer = encodeLayer(layerParts(target, changes), compression);
  const blob = await content.ingestStream(stoppable(layer.bytes, signal));
  const annotations = layer.annotations();
  const mediaType = mediaTypes[compression.kind];
  return { ...blob, diffID: layer.diffID(), ...(annotations && { annotations }), mediaType, holds };
}
