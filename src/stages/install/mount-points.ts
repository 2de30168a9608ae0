/** /dev, /proc and /sys of the target: there while rpm runs, and afterwards as base, packages and recipe want them. */
import { chmod, lchown, lstat, mkdir, readdir, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { lstatIfThere } from '../../lib/host/files.ts';
import { byteString, type ByteString } from '../../lib/host/paths.ts';
import { fileType } from '../../lib/rpm/file-list.ts';
import { copyChanges, removeDeleted, showBase, type CopyContext } from './copy-changes.ts';
import { placesIn, placesOf } from './default-filesystems.ts';
import type { Sandbox } from './sandbox.ts';

const names = ['dev', 'proc', 'sys'] as const;
/** What rpm and scriptlets see there lies in the build's own directory meanwhile. */
const own = ['dev', 'sys'] as const;

export interface MountPoints {
  /** Names of those that were not there before. */
  made: string[];
  /** What of the base rpm and scriptlets see there. */
  shown: ByteString[];
}

/** @param base paths of what the target has already */
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
 * While something is mounted there, what rpm sets and writes goes to the mount. What packages carry below is brought
 * from where that lies, what they and scriptlets have removed goes, and the attributes are set again from the headers.
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

/** Those that were made to mount something there, and that nobody else has come to want. */
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
