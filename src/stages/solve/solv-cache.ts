/**
 * Caches a repository's metadata in libsolv's own format, beside the documents: it loads in a fraction of the time.
 * libsolv trusts that format. So a cache file counts only with its seal: a SHA-256 of the source documents, libsolv's
 * version and the file's bytes. A file that is cut short, damaged, or of another version is made again.
 */
import { createHash, randomUUID } from 'node:crypto';
import { appendFile, open, rename, rm, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { filePieces } from '../../lib/host/files.ts';
import { native } from '../../lib/host/native.ts';

/** Version of the addon's cache format; increase it with every change. */
const format = 1;
export const cachedEnding = '.solv';
const sealLength = 64;
/** Larger than any cache of a document within its limits. */
const maxCacheBytes = 4 * 1024 ** 3;

export interface Cached {
  path: string;
  /** Path for a new cache file; undefined if the one at `path` is valid, or has become it. */
  temporary: string | undefined;
  identity: string;
}

/**
 * @param documents paths in the metadata cache, whose names contain their checksums; the data of the last one is cached
 */
export async function findCached(documents: readonly string[]): Promise<Cached> {
  const path = `${documents.at(-1)!}${cachedEnding}`;
  const names = documents.map((document) => basename(document));
  const identity = [`milliner ${format}`, `libsolv ${native().libsolvVersion}`, ...names].join('\n');
  if (await isSealed(path, identity)) return { path, temporary: undefined, identity };
  return { path, temporary: `${path}.${randomUUID()}.new`, identity };
}

/**
 * Moves new cache files that the addon has written into place, and removes incomplete ones. A missing cache file only
 * costs time.
 */
export async function cacheAll(cached: readonly Cached[], written: readonly string[]): Promise<void> {
  for (const one of cached) {
    const { path, temporary, identity } = one;
    if (temporary === undefined) continue;
    try {
      if (!written.includes(temporary)) throw new Error('it is not whole');
      await appendFile(temporary, await sealOf(temporary, identity));
      // Not synced, because a file that a crash damaged has no valid seal.
      await rename(temporary, path);
      one.temporary = undefined;
    } catch {
      await rm(temporary, { force: true });
    }
  }
}

async function isSealed(path: string, identity: string): Promise<boolean> {
  const { size } = await stat(path).catch(() => ({ size: 0 }));
  if (size <= sealLength || size > maxCacheBytes) return false;
  try {
    // Its use is not noted for gc, since reading must write nothing: gc removes it by its age, and it is made again.
    return (await readSeal(path, size)) === (await sealOf(path, identity, size - sealLength));
  } catch {
    return false;
  }
}

async function readSeal(path: string, size: number): Promise<string> {
  const handle = await open(path);
  try {
    const { buffer, bytesRead } = await handle.read(
      Buffer.alloc(sealLength),
      0,
      sealLength,
      size - sealLength,
    );
    return buffer.toString('latin1', 0, bytesRead);
  } finally {
    await handle.close();
  }
}

async function sealOf(path: string, identity: string, length = Infinity): Promise<string> {
  const hash = createHash('sha256').update(`${identity}\n`);
  const handle = await open(path);
  let remaining = length;
  try {
    for await (const piece of filePieces(handle)) {
      hash.update(piece.subarray(0, remaining));
      remaining -= Math.min(remaining, piece.length);
    }
  } finally {
    await handle.close();
  }
  return hash.digest('hex');
}
