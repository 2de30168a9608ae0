/** The directories of a layer: those of its packages, and the parents of their files. */
import type { ByteString } from '../../../lib/host/paths.ts';
import { fileType } from '../../../lib/rpm/file-list.ts';
import type { Owners } from '../../install/accounts.ts';
import { directoryTime, isDirectory, parentOf, type Tree, type TreeEntry } from '../tree.ts';
import type { PredictedPackage } from './predict.ts';

/** Undefined if the directory's attributes are not known yet. */
export type DirectoryAt = (path: ByteString) => TreeEntry | undefined;

/** Parents before children. */
export function directoryPaths(packages: readonly PredictedPackage[]): ByteString[] {
  const wanted = new Set<ByteString>();
  // What is wanted already has all its ancestors there.
  const want = (path: ByteString) => {
    for (let at = path; !wanted.has(at); at = parentOf(at)) wanted.add(at);
  };
  for (const { places, directories } of packages) {
    for (const path of directories.values()) want(path);
    for (const [, path] of places) want(parentOf(path));
  }
  return [...wanted].toSorted();
}

/** Attributes that each directory will have: those of the first package by NEVRA, otherwise the parent's. */
export function predictDirectories(
  packages: readonly PredictedPackage[],
  parent: Tree | undefined,
  owners: Owners,
): DirectoryAt {
  const owned = new Map<ByteString, TreeEntry | undefined>();
  for (const { package: one, directories } of packages) {
    for (const [index, path] of directories) {
      if (owned.has(path)) continue;
      const { mode, user, group } = one.files[index]!;
      const [uid, gid] = [owners.uid(user), owners.gid(group)];
      const isKnown = uid !== undefined && gid !== undefined;
      owned.set(path, isKnown ? directoryEntry(path, mode, uid, gid) : undefined);
    }
  }
  return (path) => {
    if (owned.has(path)) return owned.get(path);
    const before = parent?.get(path);
    return before && isDirectory(before) ? before : directoryEntry(path, impliedMode, 0, 0);
  };
}

/** Mode of directories that rpm makes for files, and that no package contains. */
const impliedMode = fileType.directory | 0o755;

function directoryEntry(path: ByteString, mode: number, uid: number, gid: number): TreeEntry {
  return {
    path,
    mode,
    uid,
    gid,
    size: 0,
    allocated: 0,
    mtimeSeconds: directoryTime,
    mtimeNanoseconds: 0,
    ctimeNanoseconds: -1n,
    inode: 0n,
    links: 1,
    deviceMajor: 0,
    deviceMinor: 0,
  };
}
