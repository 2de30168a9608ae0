/**
 * Resolves paths of an image from the host. A scriptlet may put a link where a file is expected. The link is followed
 * inside the image, as the image's own programs would, never to the host.
 */
import { constants, lstatSync, readlinkSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { MillinerError } from '../errors/error.ts';
import { below, byteString, resolveInImage, type ByteString } from './paths.ts';

/** The path without links in its directories, relative to the image's root; undefined where links go in a circle. */
export function resolveParents(target: string, path: string): ByteString | undefined {
  return resolvePlace(target, byteString(path));
}

/**
 * As resolveParents, for a path in bytes. If a file is where a directory is expected, the rest of the path is kept as
 * it is.
 */
export function resolvePlace(target: string, path: ByteString): ByteString | undefined {
  return resolveInImage(path, (at) => {
    if (!isLink(below(target, at))) return undefined;
    return readlinkSync(below(target, at), 'buffer').toString('latin1') as ByteString;
  });
}

/** With throwIfNoEntry: most of these paths do not exist, and an exception for each would be slow. */
function isLink(path: Buffer): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ?? false;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOTDIR') return false;
    throw error;
  }
}

/** As resolveParents, and follows the last component too, which need not exist. */
export function resolveInside(target: string, path: string): ByteString | undefined {
  const behind = resolveParents(target, `${path}/.x`);
  return behind?.replace(/\/?\.x$/, '') as ByteString | undefined;
}

/** Larger than any user database. */
const maxFileBytes = 64 * 1024 * 1024;

/** The bytes of a regular file; undefined if it does not exist. Throws INSTALL_FAILED for another kind of file. */
export async function readInside(target: string, path: string): Promise<Buffer | undefined> {
  const resolved = resolveInside(target, path);
  if (resolved === undefined) throw unusableFile(path, 'is in a circle of symbolic links');
  // Opening a FIFO would wait for a writer that never comes.
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const handle = await open(below(target, resolved), flags).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
    throw unusableFile(path, `cannot be opened (${error.code})`);
  });
  if (!handle) return undefined;
  try {
    const found = await handle.stat();
    if (!found.isFile()) throw unusableFile(path, 'is not a regular file');
    if (found.size > maxFileBytes) throw unusableFile(path, `is larger than ${maxFileBytes} bytes`);
    return await handle.readFile();
  } finally {
    await handle.close();
  }
}

function unusableFile(path: string, what: string): MillinerError {
  return new MillinerError('INSTALL_FAILED', `/${path} of the image ${what}`, {
    hint: 'A scriptlet has put it there. Fix the package, or exclude it.',
    details: { path: `/${path}` },
  });
}
