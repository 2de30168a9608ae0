/** /dev, /proc and /sys of the target: there while rpm runs, and afterwards as the packages want them. */
import { chmod, lchown, lstat, mkdir, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { lstatIfThere } from '../host/files.ts';
import { byteString } from '../host/paths.ts';
import { fileType } from '../rpm/files.ts';
import { carryOver, type Carrying } from './carryover.ts';

const names = ['dev', 'proc', 'sys'] as const;

/** Gives the names of those that were not there before. */
export async function makeMountPoints(target: string): Promise<string[]> {
  const made: string[] = [];
  for (const name of names) {
    if (await lstatIfThere(join(target, name))) continue;
    await mkdir(join(target, name), { mode: 0o755 });
    made.push(name);
  }
  return made;
}

/**
 * While something is mounted there, what rpm sets and writes goes to the mount. What packages carry below is brought
 * from where that lies, and the attributes are set again from the headers.
 */
export async function restoreMountPoints(made: string[], carrying: Carrying): Promise<void> {
  const { target, files, owners } = carrying;
  for (const name of names) {
    const path = join(target, name);
    const isCarried = name !== 'proc' && (await carryOver(carrying, byteString(name)));
    const directory = files.find((file) => file.path === name && isDirectoryMode(file.mode));
    if (directory && (await lstat(path)).isDirectory()) {
      await lchown(path, owners.uid(directory.user) ?? 0, owners.gid(directory.group) ?? 0);
      await chmod(path, directory.mode & 0o7777);
    } else if (made.includes(name) && !isCarried) await rmdir(path);
  }
}

const isDirectoryMode = (mode: number) => (mode & fileType.mask) === fileType.directory;
