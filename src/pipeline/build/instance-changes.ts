/** What was changed by hand in a running instance, as one layer on its image. */
import { movedOut } from '../../lib/container/moved-owners.ts';
import type { IdRange } from '../../lib/container/userns.ts';
import { MillinerError } from '../../lib/errors/error.ts';
import type { ByteString } from '../../lib/host/paths.ts';
import { checkLayers } from '../../stages/layer/apply/check-layers.ts';
import { compressionOf } from '../../stages/layer/compress/compress.ts';
import { changedSince, changesOf, type Changed } from '../../stages/layer/diff/changes.ts';
import { parentAsFound } from '../../stages/layer/diff/parent.ts';
import {
  directoryTime,
  isDirectory,
  isSocket,
  treeOf,
  type Tree,
  type TreeEntry,
} from '../../stages/layer/tree.ts';
import { scanSnapshot } from '../../stages/snapshot/snapshotter.ts';
import { writeTreeLayer, type TreeLayer } from '../base/tree-layer.ts';
import type { RunningInstance } from '../instance/instance-records.ts';
import type { Context } from '../state/context.ts';
import type { ImageRecord } from '../state/image-records.ts';
import { withView } from '../state/snapshots.ts';
import { readTree } from '../state/trees.ts';

/** What the runtime makes in a tree to mount on. */
const mountPoints = ['etc/hosts', 'etc/hostname', 'etc/resolv.conf', 'run/host', 'run/host/notify'];
const mountedAt = ['dev', 'proc', 'sys', 'run', 'tmp', 'var/log/journal'];

/**
 * Undefined if nothing has changed. Throws BUSY if the instance writes to what is read, IMAGE_UNREPRESENTABLE,
 * LAYERS_DIFFER.
 */
export async function layerOfChanges(
  context: Context,
  { container, ids }: RunningInstance,
  image: ImageRecord,
  directory: string,
): Promise<TreeLayer | undefined> {
  const root = context.snapshots.placeOf(container);
  const recorded = await readTree(context, image.tree);
  const below = await withView(context, image.snapshot, async (_root, key) =>
    parentAsFound(recorded, treeOf(await context.snapshots.scan(key))),
  );
  const tree = await treeAt(root, ids, below);
  const changed = await changedSince(root, tree, below);
  if (changed.paths.size === 0 && changed.deleted.length === 0) return undefined;
  const compression = compressionOf({ compression: 'zstd', max: 0 });
  const made = await writeTreeLayer(context, root, changesOf(tree, changed), compression, directory);
  await checkLayers({ base: below, listings: [made.listing], root, tree, unclaimed: changed.paths });
  await requireStill(tree, await treeAt(root, ids, below), changed);
  return made.layer;
}

/** With owners as the image has them, and without what only the running instance needs. */
async function treeAt(root: string, ids: IdRange | undefined, below: Tree): Promise<Tree> {
  const entries = (await scanSnapshot(root)).map((entry) => ({ ...entry, ...movedOut(entry, ids) }));
  const own = treeOf(entries.filter((entry) => !isSocket(entry)));
  const passing = new Set<string>(mountPoints);
  for (const [path, entry] of own) {
    const isEmptyPlace = mountedAt.some((place) => path === place || path.startsWith(`${place}/`));
    const before = below.get(path);
    if (isDirectory(entry)) Object.assign(entry, timeOfDirectory(before));
    if (!before && (isEmptyPlace || (passing.has(path) && entry.size === 0))) own.delete(path);
  }
  return own;
}

/** Every change in a directory changes its time, and a build sets that of all directories. */
function timeOfDirectory(
  before: TreeEntry | undefined,
): Pick<TreeEntry, 'mtimeSeconds' | 'mtimeNanoseconds'> {
  const { mtimeSeconds = directoryTime, mtimeNanoseconds = 0 } = before ?? {};
  return { mtimeSeconds, mtimeNanoseconds };
}

/** A file that was written to while it was read has a content that it never had. */
async function requireStill(before: Tree, after: Tree, { paths }: Changed): Promise<void> {
  const moved = (path: ByteString) =>
    before.get(path)?.ctimeNanoseconds !== after.get(path)?.ctimeNanoseconds;
  const found = [...paths].find(moved);
  if (found === undefined && before.size === after.size) return;
  throw new MillinerError('BUSY', `the instance writes to its files while they are read: /${found ?? ''}`, {
    hint: 'Stop the services in it that write, then run the command again.',
  });
}
