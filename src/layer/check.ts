/** Whether the layers of an image, laid one on another, are the tree that was installed. */
import { MillinerError } from '../errors.ts';
import { showBytes, type ByteString } from '../host/paths.ts';
import { digestOf, namesOf, sameAttributes } from './changes.ts';
import type { ListedEntry } from './listing.ts';
import { changesListed, LayerSum, type LayerFault } from './sum.ts';
import { isRegular, type Tree, type TreeEntry } from './tree.ts';

export interface LayersAndTree {
  /** What the base shows. A recipe's was checked when it was built; of another's image it is what its layers say. */
  base: Tree | undefined;
  /** Of the image's own layers, lowest first. */
  listings: (readonly ListedEntry[])[];
  /** Where the tree is mounted. */
  root: string;
  /** As it was installed. Regular files have the digests that packages or the base say they have. */
  tree: Tree;
  /** Files that no package and no base explains: their content is read again, because the writer has told their digests. */
  unexplained: ReadonlySet<ByteString>;
}

/** Throws LAYERS_DIFFER, naming paths. */
export async function checkLayers({ base, listings, root, tree, unexplained }: LayersAndTree): Promise<void> {
  const sum = new LayerSum(base);
  for (const listing of listings) {
    const { faults, ...changes } = changesListed(listing);
    sum.lay(changes);
    sum.faults.push(...faults);
  }
  const differences = [
    ...sum.faults,
    ...attributeDifferences(tree, sum.tree),
    ...linkDifferences(tree, sum.tree),
  ];
  for (const entry of tree.values()) {
    const shown = isRegular(entry) ? sum.tree.get(entry.path)?.sha256 : undefined;
    if (shown === undefined) continue;
    const isTold = entry.sha256 !== undefined && !unexplained.has(entry.path);
    const digest = isTold ? entry.sha256 : await digestOf(root, entry.path);
    if (digest !== shown) differences.push(faultAt(entry.path, 'has another content in the layers'));
  }
  if (differences.length > 0) throw layersDiffer(differences);
}

function attributeDifferences(tree: Tree, layers: Tree): LayerFault[] {
  const found: LayerFault[] = [];
  for (const entry of tree.values()) {
    const shown = layers.get(entry.path);
    if (!shown) found.push(faultAt(entry.path, 'is not in the layers'));
    else if (!sameAttributes(entry, shown)) found.push(faultAt(entry.path, attributesOf(entry, shown)));
    else if (isRegular(entry) && entry.size > 0 && shown.sha256 === undefined)
      found.push(faultAt(entry.path, 'has no content in the layers'));
  }
  for (const path of layers.keys()) if (!tree.has(path)) found.push(faultAt(path, 'is in the layers alone'));
  return found;
}

function linkDifferences(tree: Tree, layers: Tree): LayerFault[] {
  const [installed, shown] = [namesOf(tree, tree), namesOf(layers, layers)];
  const paths = new Set([...installed.keys(), ...shown.keys()]);
  return [...paths]
    .filter((path) => installed.get(path) !== shown.get(path))
    .map((path) => faultAt(path, 'has other hard links in the layers'));
}

/** The first attribute that differs, of both. */
function attributesOf(entry: TreeEntry, shown: TreeEntry): string {
  for (const [name, show] of Object.entries(attributes)) {
    const [here, there] = [show(entry), show(shown)];
    if (here !== there) return `has ${name} ${here} in the tree and ${there} in the layers`;
  }
  const names = new Set([entry, shown].flatMap(({ xattrs = {} }) => Object.keys(xattrs)));
  return `has other extended attributes in the layers (${[...names].map((name) => showBytes(name as ByteString)).join(', ')})`;
}

const attributes: Record<string, (entry: TreeEntry) => string> = {
  mode: ({ mode }) => mode.toString(8),
  owner: ({ uid, gid }) => `${uid}:${gid}`,
  size: ({ size }) => String(size),
  time: ({ mtimeSeconds }) => String(mtimeSeconds),
  target: ({ target }) => (target === undefined ? 'none' : showBytes(target)),
  device: ({ deviceMajor, deviceMinor }) => `${deviceMajor}:${deviceMinor}`,
};

const faultAt = (path: ByteString, what: string): LayerFault => ({ path: `/${showBytes(path)}`, what });

const mostTold = 10;
const mostDetailed = 1000;

function layersDiffer(differences: LayerFault[]): MillinerError {
  const told = differences.slice(0, mostTold).map(({ path, what }) => `${path} ${what}`);
  if (differences.length > mostTold) told.push(`and ${differences.length - mostTold} more`);
  return new MillinerError('LAYERS_DIFFER', told.join('\n'), {
    details: { differences: differences.slice(0, mostDetailed) },
  });
}
