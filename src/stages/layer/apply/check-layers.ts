/**
 * Checks that the layers of an image, applied in order, give the installed tree. It has its own comparison, because a
 * fault may be in the one that the writer uses.
 */
import { MillinerError } from '../../../lib/errors/error.ts';
import { showBytes, type ByteString } from '../../../lib/host/paths.ts';
import { digestOf } from '../diff/changes.ts';
import type { ListedEntry } from '../tar/listing.ts';
import { isDirectory, isLink, isRegular, type Tree, type TreeEntry } from '../tree.ts';
import { changesListed, LayerSum, type LayerFault } from './layer-sum.ts';

export interface LayersAndTree {
  /**
   * The tree of the base. That of a recipe was checked when it was built; for another builder's image it is derived
   * from the layers.
   */
  base: Tree | undefined;
  /** The image's own layers, lowest first. */
  listings: (readonly ListedEntry[])[];
  /** Mount point of the tree. */
  root: string;
  /** The installed tree. Its regular files have the digests of packages or base. */
  tree: Tree;
  /**
   * Files that neither a package nor the base explains. Their content is read again, because their digests came from
   * the writer.
   */
  unclaimed: ReadonlySet<ByteString>;
}

/** Throws LAYERS_DIFFER, naming paths. */
export async function checkLayers({ base, listings, root, tree, unclaimed }: LayersAndTree): Promise<void> {
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
    const isVerified = entry.sha256 !== undefined && !unclaimed.has(entry.path);
    const digest = isVerified ? entry.sha256 : await digestOf(root, entry.path);
    if (digest !== shown) differences.push(faultAt(entry.path, 'has another content in the layers'));
  }
  if (differences.length > 0) throw layersDiffer(differences);
}

function attributeDifferences(tree: Tree, layers: Tree): LayerFault[] {
  const found: LayerFault[] = [];
  for (const entry of tree.values()) {
    const shown = layers.get(entry.path);
    const differing = shown && differingAttribute(entry, shown);
    if (!shown) found.push(faultAt(entry.path, 'is not in the layers'));
    else if (differing !== undefined) found.push(faultAt(entry.path, differing));
    else if (isRegular(entry) && entry.size > 0 && shown.sha256 === undefined)
      found.push(faultAt(entry.path, 'has no content in the layers'));
  }
  for (const path of layers.keys()) if (!tree.has(path)) found.push(faultAt(path, 'is in the layers alone'));
  return found;
}

function linkDifferences(tree: Tree, layers: Tree): LayerFault[] {
  const [installed, shown] = [firstNames(tree), firstNames(layers)];
  return [...installed.keys()]
    .filter((path) => layers.has(path) && installed.get(path) !== shown.get(path))
    .map((path) => faultAt(path, 'has other hard links in the layers'));
}

/**
 * By path, the first name of the same file. Two trees have the same hard links if these are equal for all paths. Only
 * files with several names are compared by inode, because overlay shows inodes of several file systems unchanged.
 */
function firstNames(tree: Tree): Map<ByteString, ByteString> {
  const first = new Map<bigint, ByteString>();
  const regular = [...tree.values()].filter(isRegular);
  for (const { inode, path, links } of regular) {
    const firstPath = first.get(inode);
    if (links > 1 && (firstPath === undefined || path < firstPath)) first.set(inode, path);
  }
  return new Map(regular.map(({ inode, path, links }) => [path, links > 1 ? first.get(inode)! : path]));
}

/** The first attribute that differs. */
function differingAttribute(entry: TreeEntry, shown: TreeEntry): string | undefined {
  for (const [name, { value, show = value }] of Object.entries(attributes)) {
    if (value(entry) !== value(shown))
      return `has ${name} ${show(entry)} in the tree and ${show(shown)} in the layers`;
  }
  return undefined;
}

interface Attribute {
  /** The value to compare. */
  value: (entry: TreeEntry) => string;
  /** The value in messages, where it differs: text loses bytes that are not UTF-8. */
  show?: (entry: TreeEntry) => string;
}

const attributes: Record<string, Attribute> = {
  mode: { value: ({ mode }) => mode.toString(8) },
  owner: { value: ({ uid, gid }) => `${uid}:${gid}` },
  // Sizes of directories and links depend on the file system.
  size: { value: (entry) => (isDirectory(entry) || isLink(entry) ? 'any' : String(entry.size)) },
  time: { value: ({ mtimeSeconds }) => String(mtimeSeconds) },
  target: {
    value: ({ target = '' }) => target,
    show: ({ target }) => (target === undefined ? 'none' : showBytes(target)),
  },
  device: { value: ({ deviceMajor, deviceMinor }) => `${deviceMajor}:${deviceMinor}` },
  'extended attributes': {
    value: ({ xattrs = {} }) => {
      const hexXattrs = Object.entries(xattrs).map(([name, value]) => [name, value.toString('hex')] as const);
      return JSON.stringify(hexXattrs.toSorted(([one], [other]) => (one < other ? -1 : 1)));
    },
    show: ({ xattrs = {} }) => Object.entries(xattrs).map(showXattr).toSorted().join(' ') || 'none',
  },
};

const maxShownLength = 64;

function showXattr([name, value]: [string, Buffer]): string {
  const hex = value.toString('hex');
  const shown = hex.length > maxShownLength ? `${hex.slice(0, maxShownLength)}…` : hex;
  return `${showBytes(name as ByteString)}=${shown}`;
}

const faultAt = (path: ByteString, what: string): LayerFault => ({ path: `/${showBytes(path)}`, what });

const maxListed = 10;
const maxDetailed = 1000;

function layersDiffer(differences: LayerFault[]): MillinerError {
  const listed = differences.slice(0, maxListed).map(({ path, what }) => `${path} ${what}`);
  if (differences.length > maxListed) listed.push(`and ${differences.length - maxListed} more`);
  return new MillinerError('LAYERS_DIFFER', listed.join('\n'), {
    details: { differences: differences.slice(0, maxDetailed) },
  });
}
