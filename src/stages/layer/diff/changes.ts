/**
 * The changes of a tree against its base. The tree was scanned once; the base is known from the record that was made
 * with its layers, and from the metadata of its packages.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { below as placeBelow, byteString, type ByteString } from '../../../lib/host/paths.ts';
import { maxEntries, maxLinks } from '../tar/entry-rules.ts';
import { tarEntry, unrepresentable } from '../tar/entry.ts';
import {
  ancestorsOf,
  isDirectory,
  isRegular,
  isUnchanged,
  parentOf,
  type Tree,
  type TreeEntry,
} from '../tree.ts';
import { sameAttributes } from './compare.ts';

/** The paths at which a tree differs from its base. */
export interface Changed {
  paths: Set<ByteString>;
  /** Paths of the base that were deleted, topmost only. */
  deleted: ByteString[];
}

/** The content of one layer. */
export interface Changes {
  /** Entries of the layer with their parent directories, parents before children. */
  entries: TreeEntry[];
  deleted: ByteString[];
}

/** Whether a file has the content of its package, which names it by a digest other than sha256. */
export type IsKnown = (entry: TreeEntry) => boolean;

/** Fills in digests of unchanged files from the base; the writer fills in the rest. */
export async function changedSince(
  root: string,
  tree: Tree,
  below: Tree | undefined,
  isKnown: IsKnown = () => false,
): Promise<Changed> {
  refuseUnreadable(tree, below);
  if (!below) return { paths: new Set(tree.keys()), deleted: [] };
  const paths = new Set<ByteString>();
  const names = { now: namesOf(tree, tree), before: namesOf(below, tree) };
  for (const entry of tree.values()) {
    const before = below.get(entry.path);
    const isLinkedAlike = names.now.get(entry.path) === names.before.get(entry.path);
    if (before && isLinkedAlike && needsDigest(entry, before))
      entry.sha256 = await digestOf(root, entry.path);
    if (before && isLinkedAlike && isSame(entry, before, isKnown)) {
      // A digest that was computed stands: the check of the layers has nothing else to find a wrong comparison by.
      if (before.sha256 !== undefined) entry.sha256 ??= before.sha256;
    } else paths.add(entry.path);
  }
  addLinkedPaths(tree, paths);
  return { paths, deleted: deletions(tree, below) };
}

/** Adds all parent directories, because clients take a directory's attributes only from the layer. */
export function changesOf(tree: Tree, { paths, deleted }: Changed): Changes {
  const needed = new Set(paths);
  for (const path of [...paths, ...deleted]) for (const ancestor of ancestorsOf(path)) needed.add(ancestor);
  return { entries: [...tree.values()].filter((entry) => needed.has(entry.path)), deleted };
}

const needsDigest = (now: TreeEntry, before: TreeEntry) =>
  now.sha256 === undefined && isRegular(now) && !isUnchanged(now, before) && sameAttributes(now, before);

/** Of a file that something has changed since, attributes and content decide. */
function isSame(now: TreeEntry, before: TreeEntry, isKnown: IsKnown): boolean {
  if (isUnchanged(now, before)) return true;
  if (!sameAttributes(now, before)) return false;
  if (!isRegular(now)) return true;
  return before.sha256 === undefined ? isKnown(now) : now.sha256 === before.sha256;
}

/** For each file with several names, those that the tree still has, joined to one string. */
function namesOf(of: Tree, still: Tree): Map<ByteString, string> {
  const linked = [...of.values()].filter(
    (entry) => isRegular(entry) && entry.links > 1 && still.has(entry.path),
  );
  const found = new Map<ByteString, string>();
  for (const linkedEntries of Map.groupBy(linked, ({ inode }) => inode).values()) {
    if (linkedEntries.length < 2) continue;
    const word = linkedEntries
      .map(({ path }) => path)
      .toSorted()
      .join('\0');
    for (const { path } of linkedEntries) found.set(path, word);
  }
  return found;
}

/** sha256 of a file's content, hex. */
export async function digestOf(root: string, path: ByteString): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(placeBelow(root, path))) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

/** A hard link can only refer to a file of its own layer, so all names of an inode are added together. */
function addLinkedPaths(tree: Tree, changed: Set<ByteString>): void {
  const inodes = new Set<bigint>();
  for (const path of changed) {
    const entry = tree.get(path)!;
    if (isRegular(entry) && entry.links > 1) inodes.add(entry.inode);
  }
  if (inodes.size === 0) return;
  for (const entry of tree.values()) if (isRegular(entry) && inodes.has(entry.inode)) changed.add(entry.path);
}

function deletions(tree: Tree, parent: Tree): ByteString[] {
  const deleted: ByteString[] = [];
  for (const path of parent.keys()) {
    if (tree.has(path)) continue;
    const directory = tree.get(parentOf(path));
    // Entries below a deleted or replaced directory need no whiteout.
    if (directory && isDirectory(directory)) deleted.push(path);
  }
  return deleted;
}

const whiteoutPrefix = byteString('.wh.');

/** Throws IMAGE_UNREPRESENTABLE for entries that clients cannot read, before a layer is written. */
function refuseUnreadable(tree: Tree, below: Tree | undefined): void {
  // One layer may hold all of the tree, and delete everything below.
  const maxPaths = tree.size + (below?.size ?? 0);
  if (maxPaths > maxEntries) throw unrepresentable(byteString(''), `has more than ${maxEntries} files`);
  for (const entry of tree.values()) {
    const { path, links } = entry;
    const before = below?.get(path);
    // It was in a layer already.
    if (before && isUnchanged(entry, before)) continue;
    tarEntry(entry);
    if (path.slice(path.lastIndexOf('/') + 1).startsWith(whiteoutPrefix))
      throw unrepresentable(path, 'has a name that an OCI layer reads as a deletion');
    if (isRegular(entry) && links > maxLinks) throw unrepresentable(path, `has more than ${maxLinks} names`);
  }
}
