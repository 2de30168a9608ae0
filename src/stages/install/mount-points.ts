/** Mount points /dev, /proc and /sys of the target: they exist while rpm runs, and get their final state afterwards. */
import { chmod, lchown, lstat, mkdir, readdir, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { lstatIfThere } from '../../lib/host/files.ts';
import { byteString, type ByteString } from '../../lib/host/paths.ts';
import { fileType } from '../../lib/rpm/file-list.ts';
import { copyChanges, removeDeleted, showBase, type CopyContext } from './copy-changes.ts';
import { placesIn, placesOf } from './default-filesystems.ts';
import type { Sandbox } from './sandbox.ts';

const names = ['dev', 'proc', 'sys'] as const;
/** Their content is in the build's own directory while rpm and scriptlets run. */
const own = ['dev', 'sys'] as const;

export interface MountPoints {
  /** Names of those that did not exist before. */
  made: string[];
  /** Paths of the base that rpm and scriptlets see there. */
  shown: ByteString[];
}

/** @param base paths that the target has already */
export async function makeMountPoints(
  { directory, target, shift }: Pick<Sandbox, 'directory' | 'target' | 'shift'>,
  base: Iterable<ByteString>,
): Promise<MountPoints> {
  const made: string[] = [];
  for (const name of names) {
    if (await lstatIfThere(join(target, name))) continue;
    await mkdir(join(target, name), { mode: 0o755 });
    made.push(name);
  }
  await placesOf(directory, shift?.ids);
  const inOwn = [...base].filter((path) => own.some((name) => path.startsWith(`${name}/`)));
  return { made, shown: await showBase(target, placesIn(directory), inOwn, shift?.ids) };
}

/**
 * Changes that rpm made there went to the mounted directory. Files of packages are copied from it, removed files are
 * removed from the target, and the attributes are set again from the headers.
 */
export async function restoreMountPoints({ shown }: MountPoints, carrying: CopyContext): Promise<void> {
  const { from, target, files, owners } = carrying;
  await removeDeleted(from, target, shown);
  for (const name of own) await copyChanges(carrying, byteString(name));
  for (const name of names) {
    const path = join(target, name);
    const directory = files.find((file) => file.path === name && isDirectoryMode(file.mode));
    if (!directory || !(await lstat(path)).isDirectory()) continue;
    await lchown(path, owners.uid(directory.user) ?? 0, owners.gid(directory.group) ?? 0);
    await chmod(path, directory.mode & 0o7777);
  }
}

/** Removes the mount points that were made and that neither base, packages nor recipe have. */
export async function removeMountPoints(
  { made }: MountPoints,
  target: string,
  isWanted: (name: ByteString) => boolean,
): Promise<void> {
  for (const name of made) {
    const path = join(target, name);
    if (!isWanted(byteString(name)) && (await readdir(path)).length === 0) await rmdir(path);
  }
}

const isDirectoryMode = (mode: number) => (mode & fileType.mask) === fileType.directory;
