/** Replaces times of the build by constants; times that packages give their files stay. */
import { lutimesSync } from 'node:fs';
import { below } from '../../../lib/host/paths.ts';
import type { RpmFile } from '../../../lib/rpm/file-list.ts';
import { isAsPackaged, isInherited } from '../packages/packaged.ts';
import {
  directoryTime,
  hasType,
  isDirectory,
  isLink,
  isRegular,
  type Tree,
  type TreeEntry,
} from '../tree.ts';
import type { ContentOf } from '../verify/hash-tree.ts';
import type { InstalledTree } from './normalize.ts';

/** Equals no other change time, so that the entry never counts as unchanged. */
const changedNow = -1n;

/** Sets them on disk and in the tree, so that the snapshot equals the image. */
export function fixTimes(installed: InstalledTree, contentOf: ContentOf): void {
  const hashed = { ...installed, contentOf };
  const linked = timesOfLinked(hashed);
  for (const entry of installed.tree.values()) {
    if (isInherited(entry, installed.parent)) continue;
    const wanted = linked.get(entry.inode) ?? timeOf([entry], hashed);
    if (entry.mtimeSeconds === wanted && entry.mtimeNanoseconds === 0) continue;
    // Thousands of directories: each wait for another thread would take longer than the call.
    lutimesSync(below(installed.root, entry.path), wanted, wanted);
    Object.assign(entry, { mtimeSeconds: wanted, mtimeNanoseconds: 0, ctimeNanoseconds: changedNow });
  }
}

interface HashedTree extends InstalledTree {
  contentOf: ContentOf;
}

/** By inode, for files with several names: one time for all, which may be known by only one of them. */
function timesOfLinked(installed: HashedTree): Map<bigint, number> {
  const linked = [...installed.tree.values()].filter((entry) => !isDirectory(entry) && entry.links > 1);
  const times = new Map<bigint, number>();
  for (const [inode, names] of Map.groupBy(linked, (entry) => entry.inode))
    times.set(inode, timeOf(names, installed));
  return times;
}

function directoryOf(path: TreeEntry['path'], tree: Tree | undefined): TreeEntry | undefined {
  const found = tree?.get(path);
  return found && isDirectory(found) ? found : undefined;
}

function timeOf(names: readonly TreeEntry[], installed: HashedTree): number {
  const { parent, packaged, epoch } = installed;
  if (names.every(isDirectory)) return directoryOf(names[0]!.path, parent)?.mtimeSeconds ?? directoryTime;
  for (const entry of names) if (isAsPackaged(entry, packaged)) return entry.mtimeSeconds;
  for (const entry of names) {
    // A change of mode or owner does not change the time of a parent's file.
    const before = parent?.get(entry.path);
    if (entry.mtimeNanoseconds === 0 && before?.mtimeSeconds === entry.mtimeSeconds)
      return entry.mtimeSeconds;
  }
  for (const entry of names) {
    const time = timeOfContent(entry, installed);
    if (time !== undefined) return time;
  }
  return epoch;
}

/**
 * A scriptlet that only touched a file, or wrote once more what it had, has changed nothing: with a time of its own the
 * file would be in the image twice. Undefined where base and packages have other content, or none.
 */
function timeOfContent(entry: TreeEntry, installed: HashedTree): number | undefined {
  const before = installed.parent?.get(entry.path);
  const packaged = (installed.packaged.get(entry.path) ?? []).filter(({ file }) => !file.flags.ghost);
  const known = packaged.map(({ file }) => packagedContent(file));
  for (const content of before ? [...known, inheritedContent(before)] : known)
    if (isContentOf(entry, content, installed.contentOf)) return content.mtimeSeconds;
  return undefined;
}

/** Known content of a path, with its time. */
type KnownContent = Pick<TreeEntry, 'mode' | 'size' | 'target' | 'mtimeSeconds'> & Pick<RpmFile, 'digest'>;

function packagedContent({
  mode,
  size,
  linkTarget: target,
  mtime: mtimeSeconds,
  digest,
}: RpmFile): KnownContent {
  return { mode, size, mtimeSeconds, ...(target !== undefined && { target }), ...(digest && { digest }) };
}

function inheritedContent({ sha256, ...before }: TreeEntry): KnownContent {
  return { ...before, ...(sha256 !== undefined && { digest: { algorithm: 'sha256', hex: sha256 } }) };
}

function isContentOf(entry: TreeEntry, known: KnownContent, contentOf: ContentOf): boolean {
  if (!hasType(entry, known.mode)) return false;
  if (isLink(entry)) return entry.target === known.target;
  if (!isRegular(entry) || !known.digest || entry.size !== known.size) return false;
  return contentOf(entry, known.digest.algorithm) === known.digest.hex;
}
