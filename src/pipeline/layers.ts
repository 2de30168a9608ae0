/** The layers of an image: its packages' as the lock has planned them, the rpm database, and what nothing explains. */
import { createHash } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { buffer } from 'node:stream/consumers';
import { inParallel } from '../host/parallel.ts';
import { stoppable } from '../host/stoppable.ts';
import type { ImageLayer } from '../image/image.ts';
import { changedSince, changesOf, type Changed, type Changes, type IsKnown } from '../layer/changes.ts';
import { mediaTypes, type Compression } from '../layer/compress.ts';
import { encodeLayer, encodePiece } from '../layer/encode.ts';
import { directoryParts } from '../layer/frame.ts';
import type { Resolve } from '../layer/packaged.ts';
import { treeWith, type PredictedPackage } from '../layer/predict.ts';
import { splitChanged, type Held } from '../layer/split.ts';
import { ancestorsOf, isDirectory, type Tree, type TreeEntry } from '../layer/tree.ts';
import { layerParts } from '../layer/write.ts';
import { fileType } from '../rpm/files.ts';
import type { Context } from './context.ts';
import type { Frame, Frames, LayerThreads } from './frames.ts';
import type { MadeLayer } from './layerthread.ts';
import { recall, remember } from './parts.ts';

export interface LayerJob {
  /** The recipe's name. */
  recipe: string;
  /** Where the tree is mounted. */
  target: string;
  tree: Tree;
  parent: Tree | undefined;
  packages: PredictedPackage[];
  frames: Frames;
  threads: LayerThreads;
  resolve: Resolve;
  /** Which packages share a layer: their indexes. */
  plan: { name: string; packages: number[] }[];
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

/** Every regular file of the tree has its digest afterwards. */
export async function writeLayers(context: Context, job: LayerJob): Promise<WrittenLayers> {
  const { recipe, target, tree, parent, packages, compression } = job;
  const frames = await job.frames.all(packages);
  const planned = job.plan.map((one) => ({ ...one, directories: directoriesOf(job, one.packages) }));
  const below = treeWith(parent, packages);
  for (const { directories } of planned) for (const entry of directories) below.set(entry.path, entry);
  const changed = await changedSince(target, tree, below, job.isKnown);
  const own = await inParallel(planned, availableParallelism(), context.signal, (one, signal) =>
    packageLayer(
      { ...context, signal },
      job.threads,
      one,
      one.packages.map((index) => frames[index]!),
      compression,
    ),
  );
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

/** What the packages own and what leads to their files, in the order of the tree. */
function directoriesOf({ tree, packages, resolve }: LayerJob, indexes: number[]): TreeEntry[] {
  const wanted = new Set<string>();
  const add = (path: Parameters<typeof ancestorsOf>[0]) => {
    for (const ancestor of ancestorsOf(path)) wanted.add(ancestor);
  };
  for (const index of indexes) {
    const { package: one, places } = packages[index]!;
    for (const [, path] of places) add(path);
    for (const file of one.files) {
      if (file.flags.ghost || (file.mode & fileType.mask) !== fileType.directory) continue;
      const path = resolve(file.path);
      const entry = path === undefined ? undefined : tree.get(path);
      if (!entry || !isDirectory(entry)) continue;
      add(entry.path);
      wanted.add(entry.path);
    }
  }
  return [...tree.values()].filter((entry) => wanted.has(entry.path) && isDirectory(entry));
}

type Written = Omit<ImageLayer, 'recipe'>;

interface PlannedLayer {
  name: string;
  directories: TreeEntry[];
}

/** Raised with every change of what is made of the same frames. */
const format = 2;

async function packageLayer(
  context: Context,
  threads: LayerThreads,
  { name, directories }: PlannedLayer,
  frames: Frame[],
  compression: Compression,
): Promise<Written> {
  const { bytes, index } = encodePiece(directoryParts(directories), compression, directories.length * 512);
  const head = await buffer(bytes);
  const keys = createHash('sha256').update(`${format} `).update(head);
  for (const { key } of frames) keys.update(key);
  const key = keys.digest('hex');
  let made = await recall<MadeLayer>(context, 'layers', key);
  if (!made) {
    const task = { kind: 'layer', head, headIndex: index, frames, compression } as const;
    made = (await threads.run(task, context.signal)) as MadeLayer;
    await remember(context, 'layers', key, made);
  }
  return { ...made, mediaType: mediaTypes[compression.kind], holds: name };
}

async function changeLayer(
  { content, signal }: Context,
  target: string,
  holds: Held,
  changes: Changes,
  compression: Compression,
): Promise<Written> {
  const layer = encodeLayer(layerParts(target, changes), compression);
  const blob = await content.ingestStream(stoppable(layer.bytes, signal));
  const annotations = layer.annotations();
  const mediaType = mediaTypes[compression.kind];
  return { ...blob, diffID: layer.diffID(), ...(annotations && { annotations }), mediaType, holds };
}
