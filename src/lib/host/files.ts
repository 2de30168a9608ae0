/** What node:fs lacks for files: durability, absence as a value, full disks as an error code. */
import { realpathSync, type Stats } from 'node:fs';
import { lstat, open, readdir, readFile, stat, statfs, type FileHandle } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { MillinerError } from '../errors/error.ts';

/** fsync of a file or, after a name in it has changed, of a directory. */
export async function syncPath(path: string): Promise<void> {
  const handle: FileHandle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * The real path of a path whose last directories may not exist yet. The kernel lists mounts by their real path, not by
 * the links that lead there.
 */
export function withoutLinks(path: string): string {
  const whole = resolve(path);
  try {
    return realpathSync(whole);
  } catch (error) {
    // A path that cannot be resolved is returned as it is: the code that makes a directory there gets the error.
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') return whole;
    return join(withoutLinks(dirname(whole)), basename(whole));
  }
}

/** What is at a path, a link itself and not its target; undefined where nothing is. */
export async function lstatIfThere(path: string | Buffer): Promise<Stats | undefined> {
  return lstat(path).catch(onlyAbsent);
}

/** What a path leads to; undefined where nothing is. */
export async function statIfThere(path: string): Promise<Stats | undefined> {
  return stat(path).catch(onlyAbsent);
}

/** The names in a directory; undefined where there is none. */
export async function readdirIfThere(path: string): Promise<string[] | undefined> {
  return readdir(path).catch(onlyAbsent);
}

/** The text of a file; undefined where there is none. */
export async function readTextIfThere(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch(onlyAbsent);
}

/** Only ENOENT and ENOTDIR mean that a file is absent. Any other error is thrown. */
function onlyAbsent(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR') throw error;
}

/** Gives a full disk or quota its own code; returns any other error unchanged. */
export function asStorageError(error: unknown, path: string): unknown {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new MillinerError('DISK_FULL', `no space left writing ${path}`, {
      cause: error,
      details: { path },
    });
  }
  return error;
}

/**
 * Whether less than 1 MiB is left. Some programs do not report a full disk (SQLite: "disk I/O error"), but with so
 * little space it is the cause.
 */
export async function isNearlyFull(path: string): Promise<boolean> {
  const { bavail, bsize } = await statfs(path);
  return bavail * bsize < 1024 * 1024;
}

/** Whether a program's output reports a full disk. rpm, SQLite and Go programs report it only in their messages. */
export function saysDiskFull(words: string): boolean {
  return /no space left on device|disk is full|needs \S+ more (?:space|inodes) on the /i.test(words);
}

const pieceBytes = 1 << 20;

/** Reads a file from its beginning into one buffer. A piece is valid until the next is requested. */
export async function* filePieces(handle: FileHandle): AsyncGenerator<Buffer> {
  const { size } = await handle.stat();
  const buffer = Buffer.allocUnsafe(Math.min(pieceBytes, Math.max(1, size)));
  for (let position = 0; ;) {
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, position);
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
    position += bytesRead;
  }
}
