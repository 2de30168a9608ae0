/** /dev and /proc of the target: there while rpm runs, and afterwards as the packages want them. */
import { chmod, lchown, lstat, mkdir, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { lstatIfThere } from '../host/files.ts';
import type { Owners } from './owners.ts';

const names = ['dev', 'proc'] as const;

/** A directory of a package's header. */
export interface PackagedDirectory {
  mode: number;
  user: string;
  group: string;
}

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

/** While something is mounted there, what rpm sets goes to the mount: set it again from the headers. */
export async function restoreMountPoints(
  target: string,
  made: string[],
  packaged: (name: string) => PackagedDirectory | undefined,
  owners: Owners,
): Promise<void> {
  for (const name of names) {
    const path = join(target, name);
    const directory = packaged(name);
    if (directory && (await lstat(path)).isDirectory()) {
      await lchown(path, owners.uid(directory.user) ?? 0, owners.gid(directory.group) ?? 0);
      await chmod(path, directory.mode & 0o7777);
    } else if (made.includes(name)) await rmdir(path);
  }
}
