/**
 * What a tree holds beyond its parent: the content of one layer. The tree was walked once; the parent is known
 * from the record that was made when its own layer was written.
 */
import { createReadStream } from 'node:fs';
import { createHash } from 'node:crypto';
import { below, byteString, showBytes, type ByteString } from '../host/paths.ts';
import { MillinerError } from '../errors.ts';
import { ancestorsOf, isDirectory, isLink, isRegular, parentOf, type Tree, type TreeEntry } from './tree.ts';

export interface Changes {
  /** Everything that the layer holds, ancestors included, parents before children. */
  entries: TreeEntry[];
  /** Paths of the parent that are gone, topmost only. */
  deleted: ByteString[];
}

/** Fills in the digests that an unchanged file inherits; the writer fills in the rest. */
export async function changesAgainst(root: string, tree: Tree, parent: Tree | undefined): Promise<Changes> {
  refuseWhiteoutNames(tree);
  if (!parent) return { entries: [...tree.values()], deleted: [] };
  const changed = new Set<ByteString>();
  const names = { now: namesOf(tree, tree), before: namesOf(parent, tree) };
  for (const entry of tree.values()) {
    const before = parent.get(entry.path);
    const isLinkedAlike = names.now.get(entry.path) === names.before.get(entry.path);
    if (before && isLinkedAlike && (await isSame(root, entry, before))) {
      if (before.sha256 !== undefined) entry.sha256 = before.sha256;
    } else changed.add(entry.path);
  }
  addLinkMates(tree, changed);
  const deleted = deletions(tree, parent);
  for (const path of [...changed, ...deleted])
    for (const ancestor of ancestorsOf(path)) changed.add(ancestor);
  return { entries: [...tree.values()].filter((entry) => changed.has(entry.path)), deleted };
}

/** The change time moves with every change of an inode; where it moved, attributes and content decide. */
async function isSame(root: string, now: TreeEntry, before: TreeEntry): Promise<boolean> {
  if (now.ctimeNanoseconds === before.ctimeNanoseconds && now.inode === before.inode) return true;
  if (!sameAttributes(now, before)) return false;
  if (!isRegular(now)) return true;
  now.sha256 = await digestOf(root, now.path);
  return now.sha256 === before.sha256;
}

/** For each file of several names, all those that the tree still has, as one word. */
function namesOf(of: Tree, still: Tree): Map<ByteString, string> {
  const linked = [...of.values()].filter(
    (entry) => isRegular(entry) && entry.links > 1 && still.has(entry.path),
  );
  const found = new Map<ByteString, string>();
  for (const mates of Map.groupBy(linked, ({ inode }) => inode).values()) {
    if (mates.length < 2) continue;
    const word = mates
      .map(({ path }) => path)
      .toSorted()
      .join('\0');
    for (const { path } of mates) found.set(path, word);
  }
  return found;
}

export function sameAttributes(a: TreeEntry, b: TreeEntry): boolean {
  const linkSize = isDirectory(a) || isLink(a);
  return (
    a.mode === b.mode &&
    a.uid === b.uid &&
    a.gid === b.gid &&
    (linkSize || a.size === b.size) &&
    a.mtimeSeconds === b.mtimeSeconds &&
    a.target === b.target &&
    a.deviceMajor === b.deviceMajor &&
    a.deviceMinor === b.deviceMinor &&
    sameXattrs(a.xattrs, b.xattrs)
  );
}

function sameXattrs(a: TreeEntry['xattrs'] = {}, b: TreeEntry['xattrs'] = {}): boolean {
  const names = Object.keys(a);
  if (names.length !== Object.keys(b).length) return false;
  return names.every((name) => b[name] !== undefined && a[name]!.equals(b[name]));
}

async function digestOf(root: string, path: ByteString): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(below(root, path))) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

/** A hard link can only name a file of its own layer: when one name of an inode is in, all are. */
function addLinkMates(tree: Tree, changed: Set<ByteString>): void {
  const inodes = new Set<bigint>();
  for (const path of changed) {
    const entry = tree.get(path)!;
    if (isRegular(entry) && entry.links > 1) inodes.add(entry.inode);
  }
  if (inodes.size === 0) return;
  for (const entry of tree.values()) if (isRegular(entry) && inodes.has(entry.inode)) changed.add(entry.path);
}

function deletions(tree: Tree, parent: Tree): ByteString[] {
  const gone: ByteString[] = [];
  for (const path of parent.keys()) {
    if (tree.has(path)) continue;
    const directory = tree.get(parentOf(path));
    // Below a directory that is gone itself, or that something else has replaced, there is nothing to hide.
    if (directory && isDirectory(directory)) gone.push(path);
  }
  return gone;
}

const whiteoutPrefix = byteString('.wh.');

function refuseWhiteoutNames(tree: Tree): void {
  for (const path of tree.keys()) {
    if (!path.slice(path.lastIndexOf('/') + 1).startsWith(whiteoutPrefix)) continue;
    throw new MillinerError(
      'IMAGE_UNREPRESENTABLE',
      `/${showBytes(path)}: an OCI layer reads such a name as a deletion`,
    );
  }
}
