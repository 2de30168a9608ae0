/** What node:fs leaves to say about files: durability, absence, full disks. */
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
 * The place that a path leads to, also where its last directories are not there yet: mounts are listed by where they
 * are, not by the links that led there.
 */
export function withoutLinks(path: string): string {
  const whole = resolve(path);
  try {
    return realpathSync(whole);
  } catch (error) {
    // What cannot be followed is kept as it is: whoever makes a directory there is told why.
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

/** That it cannot be looked at is no absence. */
function onlyAbsent(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR') throw error;
}

/** A full disk or quota gets its own code; anything else stays what it was. */
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

/** Less than 1 MiB left: programs whose words do not tell (SQLite's "disk I/O error") then failed for that. */
export async function isNearlyFull(path: string): Promise<boolean> {
  const { bavail, bsize } = await statfs(path);
  return bavail * bsize < 1024 * 1024;
}

/** Whether another program's words tell of a full disk: rpm, SQLite and Go programs say so in no other way. */
export function saysDiskFull(words: string): boolean {
  return /no space left on device|disk is full|needs \S+ more (?:space|inodes) on the /i.test(words);
}

const pieceBytes = 1 << 20;

/** A file from its beginning, in one buffer: a piece is good until the next is asked for. */
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
