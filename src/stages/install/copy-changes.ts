/** What packages carry in a directory over which something else was mounted, brought from there to where it belongs. */
import { chmod, copyFile, lchown, mkdir, readdir, readlink, rm, symlink } from 'node:fs/promises';
import { movedIn, movedOut } from '../../lib/container/moved-owners.ts';
import type { IdRange } from '../../lib/container/userns.ts';
import { lstatIfThere } from '../../lib/host/files.ts';
import { native, type ScanEntry } from '../../lib/host/native.ts';
import { below, type ByteString } from '../../lib/host/paths.ts';
import { fileType, type RpmFile } from '../../lib/rpm/file-list.ts';
import type { Owners } from './accounts.ts';

export type CopiedFile = Pick<RpmFile, 'path' | 'mode' | 'user' | 'group' | 'flags'>;

export interface CopyContext {
  /** Holds the directory that was mounted. */
  from: string;
  target: string;
  files: readonly CopiedFile[];
  owners: Owners;
  /** Those of the programs that wrote there. */
  ids: IdRange | undefined;
}

/**
 * Brings what `files` name below the directory, as it lies there after all scriptlets; gives whether there was any.
 * Anything else is nobody's, and what a scriptlet has made something else of is no longer the package's. Only
 * directories are followed, on both sides: a link could lead to the host.
 */
export async function copyChanges(context: CopyContext, directory: ByteString): Promise<boolean> {
  const { from, target, files } = context;
  const own = files.filter(({ path, flags }) => path.startsWith(`${directory}/`) && !flags.ghost);
  const wanted = new Map<string, CopiedFile | undefined>(own.map((file) => [file.path, file]));
  // rpm makes directories that no package carries.
  for (const { path } of own) {
    for (let at = path.lastIndexOf('/'); at > directory.length; at = path.lastIndexOf('/', at - 1))
      if (!wanted.has(path.slice(0, at))) wanted.set(path.slice(0, at), undefined);
  }
  const bring = async (parent: ByteString): Promise<boolean> => {
    let some = false;
    for (const name of await readdir(below(from, parent), { encoding: 'buffer' })) {
      const path = `${parent}/${name.toString('latin1')}` as ByteString;
      if (!wanted.has(path)) continue;
      const file = wanted.get(path);
      const entry = await native().lstat(below(from, path));
      const type = entry.mode & fileType.mask;
      if (type !== ((file?.mode ?? fileType.directory) & fileType.mask)) continue;
      if (!(await place(context, entry, path, file))) continue;
      if (type === fileType.directory) await bring(path);
      some = true;
    }
    return some;
  };
  return wanted.size > 0 && (await lstatIfThere(below(target, directory)))?.isDirectory() === true
    ? bring(directory)
    : false;
}

/** False where a directory of the base stands in the way, or anything else in a directory's. */
async function place(
  { from, target, owners, ids }: CopyContext,
  entry: ScanEntry,
  path: ByteString,
  file: CopiedFile | undefined,
): Promise<boolean> {
  const to = below(target, path);
  const type = entry.mode & fileType.mask;
  const there = await lstatIfThere(to);
  if (type === fileType.directory) {
    if (there && !there.isDirectory()) return false;
    // What no package carries is the base's, or what rpm makes on the way.
    if (there && !file) return true;
    if (!there) await mkdir(to);
    // Where something was mounted in it, it has no attributes of the package.
    await lchown(to, owners.uid(file?.user ?? 'root') ?? 0, owners.gid(file?.group ?? 'root') ?? 0);
    await chmod(to, (file?.mode ?? 0o755) & 0o7777);
    return true;
  }
  if (there?.isDirectory()) return false;
  if (there) await rm(to);
  await copyEntry(from, target, { ...entry, ...movedOut(entry, ids) }, path);
  return true;
}

/** With all that it has but its inode and its time of change; nothing may be there. */
async function copyEntry(from: string, target: string, entry: ScanEntry, path: ByteString): Promise<void> {
  const [source, to] = [below(from, path), below(target, path)];
  const type = entry.mode & fileType.mask;
  if (type === fileType.directory) await mkdir(to);
  else if (type === fileType.link) await symlink(await readlink(source, 'buffer'), to);
  else if (type === fileType.regular) await copyFile(source, to);
  else await native().mknod(to, entry.mode, entry.deviceMajor ?? 0, entry.deviceMinor ?? 0);
  await lchown(to, entry.uid, entry.gid);
  if (type !== fileType.link) await chmod(to, entry.mode & 0o7777);
  for (const [name, value] of Object.entries(entry.xattrs ?? {})) await native().setXattr(to, name, value);
  await native().setMtime(to, entry.mtimeSeconds, entry.mtimeNanoseconds);
}

/**
 * Copies what the base has in the directories into those that are mounted over them, where rpm and scriptlets see it
 * and may remove it. Gives the paths, but for those at which something is in any case.
 */
export async function showBase(
  from: string,
  directory: string,
  paths: Iterable<ByteString>,
  ids: IdRange | undefined,
) {
  const shown: ByteString[] = [];
  for (const path of [...paths].toSorted()) {
    const parent = path.slice(0, path.lastIndexOf('/')) as ByteString;
    const isFree = !(await lstatIfThere(below(directory, path)));
    if (!isFree || !(await lstatIfThere(below(directory, parent)))?.isDirectory()) continue;
    const entry = await native().lstat(below(from, path));
    await copyEntry(from, directory, { ...entry, ...movedIn(entry, ids) }, path);
    shown.push(path);
  }
  return shown;
}

/** Removes from the target what was shown and is no more, or is something else now. */
export async function removeDeleted(directory: string, target: string, shown: readonly ByteString[]) {
  const deleted: ByteString[] = [];
  for (const path of shown) {
    const isBelow = deleted.some((other) => path.startsWith(`${other}/`));
    // Every directory on the way is still one: what is below another is not looked at.
    if (isBelow || (await isAlike(below(directory, path), below(target, path)))) continue;
    deleted.push(path);
    await rm(below(target, path), { recursive: true, force: true });
  }
}

async function isAlike(now: Buffer, before: Buffer): Promise<boolean> {
  const [a, b] = [await lstatIfThere(now), await lstatIfThere(before)];
  return a !== undefined && b !== undefined && (a.mode & fileType.mask) === (b.mode & fileType.mask);
}
