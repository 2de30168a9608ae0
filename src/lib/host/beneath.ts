/**
 * Files that a recipe names, which a stranger may have written. They lie beneath the recipe's root: its directory, or,
 * where that is called `recipes`, the one that holds it. Links may lead anywhere in there, but not out; nor into `.git`,
 * where CI keeps its tokens. Absolute paths are no matter of this file: they are read by whoever reads the recipe.
 */
import { close } from 'node:fs';
import { open, readlink, realpath, stat } from 'node:fs/promises';
import { basename, dirname, relative, resolve } from 'node:path';
import { promisify } from 'node:util';
import { MillinerError } from '../errors/error.ts';
import { native, type NativeError } from './native.ts';

/** Of a recipe, or of what stands beside one: its lock, its ledger, repos.yaml. By its words, before any link. */
export function rootOf(path: string): string {
  const directory = dirname(resolve(path));
  return basename(directory) === 'recipes' ? dirname(directory) : directory;
}

/** Whether a path, taken by its words, lies there. */
export function isBeneath(root: string, path: string): boolean {
  const inside = relative(root, resolve(root, path));
  return inside !== '..' && !inside.startsWith('../');
}

/** The place that a path leads to, without a link in it; undefined where nothing is. Throws FILE_OUTSIDE. */
export async function placeBeneath(root: string, path: string): Promise<string | undefined> {
  return withOpened(root, path, async (_file, place) => place);
}

/**
 * The bytes of a regular file, read from what was found, whatever its name leads to by then; undefined where nothing is.
 * Of another kind, or larger, it fails as a system call does: EISDIR, EINVAL, EFBIG. Throws FILE_OUTSIDE.
 */
export async function readBeneath(root: string, path: string, maxBytes: number): Promise<Buffer | undefined> {
  return withOpened(root, path, async (file) => {
    const found = await stat(file);
    if (!found.isFile()) throw failure(found.isDirectory() ? 'EISDIR' : 'EINVAL', path);
    if (found.size > maxBytes) throw failure('EFBIG', path);
    const handle = await open(file);
    try {
      // One byte more than is good shows a file that grew.
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

/** fn gets a name of the opened file itself, and the place where it lies. */
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
