/** Copies files of packages from a directory that was mounted over one of the target to where they belong. */
import { chmod, copyFile, lchown, mkdir, readdir, readlink, rm, symlink } from 'node:fs/promises';
import { movedIn, movedOut } from '../../lib/container/moved-owners.ts';
import type { IdRange } from '../../lib/container/userns.ts';
import { lstatIfThere } from '../../lib/host/files.ts';
import { native, type ScanEntry } from '../../lib/host/native.ts';
import { below, type ByteString } from '../../lib/host/paths.ts';
import { fileType, type RpmFile } from '../../lib/rpm/file-list.ts';
import type { Owners } from './accounts.ts';

type CopiedFile = Pick<RpmFile, 'path' | 'mode' | 'user' | 'group' | 'flags'>;

export interface CopyContext {
  /** Parent of the directory that was mounted. */
  from: string;
  target: string;
  files: readonly CopiedFile[];
  owners: Owners;
  /** IDs of the programs that wrote there. */
  ids: IdRange | undefined;
}

/**
 * Copies the packages' `files` below the directory, in their state after all scriptlets; returns whether there were
 * any. Files of no package are dropped. So are files that a scriptlet has replaced by another type, because they are no
 * longer the package's. Only directories are followed, on both sides, because a link could lead to the host.
 */
export async function copyChanges(context: CopyContext, directory: ByteString): Promise<boolean> {
  const { from, target, files } = context;
  const own = files.filter(({ path, flags }) => path.startsWith(`${directory}/`) && !flags.ghost);
  const wanted = new Map<string, CopiedFile | undefined>(own.map((file) => [file.path, file]));
  // rpm also makes directories that belong to no package.
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

/** False if a directory of the base is in the way, or any other file in the way of a directory. */
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
    // A directory of no package is the base's, or rpm made it on the way.
    if (there && !file) return true;
    if (!there) await mkdir(to);
    // A directory that was mounted over lacks the package's attributes.
    await lchown(to, owners.uid(file?.user ?? 'root') ?? 0, owners.gid(file?.group ?? 'root') ?? 0);
    await chmod(to, (file?.mode ?? 0o755) & 0o7777);
    return true;
  }
  if (there?.isDirectory()) return false;
  if (there) await rm(to);
  await copyEntry(from, target, { ...entry, ...movedOut(entry, ids) }, path);
  return true;
}

/** Copies everything but inode and ctime; the target must not exist. */
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
 * Copies the base's content of the directories into those that are mounted over them, so that rpm and scriptlets can
 * see and remove it. Returns the copied paths; existing ones are skipped.
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

/** Removes from the target what was copied and has been removed or replaced since. */
export async function removeDeleted(directory: string, target: string, shown: readonly ByteString[]) {
  const deleted: ByteString[] = [];
  for (const path of shown) {
    const isBelow = deleted.some((other) => path.startsWith(`${other}/`));
    // Entries below a removed directory are skipped.
    if (isBelow || (await isAlike(below(directory, path), below(target, path)))) continue;
    deleted.push(path);
    await rm(below(target, path), { recursive: true, force: true });
  }
}

async function isAlike(now: Buffer, before: Buffer): Promise<boolean> {
  const [a, b] = [await lstatIfThere(now), await lstatIfThere(before)];
  return a !== undefined && b !== undefined && (a.mode & fileType.mask) === (b.mode & fileType.mask);
}
