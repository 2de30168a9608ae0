/**
 * Reads the files that an untrusted recipe names. They must be beneath the recipe's root: its directory, or the parent
 * of that if it is called `recipes`. Symbolic links may lead anywhere below the root, but not out of it, and not into
 * `.git`, where CI keeps its tokens. Absolute paths are not handled here: the code that reads the recipe reads them.
 */
import { close } from 'node:fs';
import { open, readlink, realpath, stat } from 'node:fs/promises';
import { basename, dirname, relative, resolve } from 'node:path';
import { promisify } from 'node:util';
import { MillinerError } from '../errors/error.ts';
import { native, type NativeError } from './native.ts';

/**
 * The root of a recipe or of a file beside one (its lock, its ID ledger, repos.yaml). The path is taken as text, before
 * any link is followed.
 */
export function rootOf(path: string): string {
  const directory = dirname(resolve(path));
  return basename(directory) === 'recipes' ? dirname(directory) : directory;
}

/** Whether a path is beneath the root, taken as text. */
export function isBeneath(root: string, path: string): boolean {
  const inside = relative(root, resolve(root, path));
  return inside !== '..' && !inside.startsWith('../');
}

/** The real path of a file, without links in it; undefined if it does not exist. Throws FILE_OUTSIDE. */
export async function placeBeneath(root: string, path: string): Promise<string | undefined> {
  return withOpened(root, path, async (_file, place) => place);
}

/**
 * The bytes of a regular file; undefined if it does not exist. They come from the file that was opened, even if the
 * name leads to another one by now. Throws FILE_OUTSIDE; throws the system errors EISDIR, EINVAL or EFBIG for a
 * directory, for another kind of file, and for more than maxBytes.
 */
export async function readBeneath(root: string, path: string, maxBytes: number): Promise<Buffer | undefined> {
  return withOpened(root, path, async (file) => {
    const found = await stat(file);
    if (!found.isFile()) throw failure(found.isDirectory() ? 'EISDIR' : 'EINVAL', path);
    if (found.size > maxBytes) throw failure('EFBIG', path);
    const handle = await open(file);
    try {
      // Reading one byte more than maxBytes shows that a file grew.
      const buffer = Buffer.alloc(Math.min(found.size, maxBytes) + 1);
      let size = 0;
      for (let read = 1; read > 0 && size < buffer.length; size += read)
        read = (await handle.read(buffer, size, buffer.length - size, size)).bytesRead;
      if (size > maxBytes) throw failure('EFBIG', path);
      return buffer.subarray(0, size);
    } finally {
      await handle.close();
    }
  });
}

/** Calls fn with the /proc name of the opened file, and with its real path. */
async function withOpened<T>(
  root: string,
  path: string,
  fn: (file: string, place: string) => Promise<T>,
): Promise<T | undefined> {
  if (path.includes('\0') || !isBeneath(root, path)) throw outside(root, path);
  let fd: number;
  try {
    fd = await native().openBeneath(root, relative(root, resolve(root, path)) || '.');
  } catch (error) {
    const { code } = error as NativeError;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    if (code === 'EXDEV' || code === 'ELOOP') throw outside(root, path);
    throw error;
  }
  try {
    const file = `/proc/self/fd/${fd}`;
    const place = await readlink(file);
    if (
      relative(await realpath(root), place)
        .split('/')
        .includes('.git')
    )
      throw outside(root, path);
    return await fn(file, place);
  } finally {
    await promisify(close)(fd);
  }
}

function outside(root: string, path: string): MillinerError {
  const shown = JSON.stringify(path).slice(1, -1);
  return new MillinerError('FILE_OUTSIDE', `${shown} points outside of ${root}`, { details: { root, path } });
}

function failure(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${path}`), { code, path });
}
