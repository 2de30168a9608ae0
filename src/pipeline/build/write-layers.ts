/** Writes the layers of an image: its packages as the lock has planned them, the rpm database, and unclaimed files. */
import { availableParallelism } from 'node:os';
import { inParallel } from '../../lib/host/parallel.ts';
import type { ImageLayer } from '../../stages/image/image.ts';
import { checkLayers } from '../../stages/layer/apply/check-layers.ts';
import { LayerSum } from '../../stages/layer/apply/layer-sum.ts';
import type { Compression } from '../../stages/layer/compress/compress.ts';
import { changedSince, changesOf, type Changed, type IsKnown } from '../../stages/layer/diff/changes.ts';
import { splitChanged } from '../../stages/layer/diff/split-state.ts';
import { filesOf } from '../../stages/layer/packages/predict.ts';
import type { Tree } from '../../stages/layer/tree.ts';
import { writeTreeLayer } from '../base/tree-layer.ts';
import type { Context } from '../state/context.ts';
import { readListing } from '../state/trees.ts';
import type { PackageLayer, PackageLayers } from './package-layers.ts';

export interface LayerJob {
  /** The recipe's name. */
  recipe: string;
  /** Mount point of the tree. */
  target: string;
  tree: Tree;
  parent: Tree | undefined;
  planned: PackageLayer[];
  packageLayers: PackageLayers;
  /** For temporary files. */
  directory: string;
  dbPath: string;
  compression: Compression;
  isKnown: IsKnown;
}

export interface WrittenLayers {
  /** Lowest first. */
  layers: ImageLayer[];
  /** The tree of the base and the packages alone. */
  below: Tree;
  /** The changes that these do not explain. */
  changed: Changed;
}

/**
 * Afterwards every regular file of the tree has its digest. Throws LAYERS_DIFFER if the layers do not give the tree.
 */
export async function writeLayers(context: Context, job: LayerJob): Promise<WrittenLayers> {
  const { recipe, target, tree, parent, planned, compression } = job;
  const own = await job.packageLayers.all(planned);
  const below = packagesOn(parent, planned);
  const changed = await changedSince(target, tree, below, job.isKnown);
  const rest = await inParallel(
    splitChanged(tree, changed, job.dbPath),
    availableParallelism(),
    context.signal,
    async ([holds, part], signal) => {
      const inner = { ...context, signal };
      const made = await writeTreeLayer(inner, target, changesOf(tree, part), compression, job.directory);
      return { ...made, layer: { ...made.layer, holds } };
    },
  );
  const listings = await Promise.all(own.map(({ listing }) => readListing(context, listing)));
  for (const { listing } of rest) listings.push(listing);
  await checkLayers({ base: parent, listings, root: target, tree, unclaimed: changed.paths });
  const layers = [...own, ...rest].map(({ layer }) => ({ ...layer, recipe }));
  return { layers, below, changed };
}

/** The tree expected from the base and the package layers. */
function packagesOn(parent: Tree | undefined, planned: readonly PackageLayer[]): Tree {
  const sum = new LayerSum(parent);
  for (const { directories, packages } of planned) {
    const files = packages.flatMap((one) => filesOf(one).map(({ entry }) => entry));
    sum.lay({ entries: [...directories, ...files], deleted: [] });
  }
  return sum.tree;
}
