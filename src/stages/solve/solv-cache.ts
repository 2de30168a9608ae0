/**
 * A repository's metadata in libsolv's own format, cached beside the documents that it was made from: it loads in a
 * fraction of the time. libsolv trusts that format, so a file counts only with its seal: the SHA-256 of what it was made
 * from, by which libsolv, and of its bytes. One that is cut short, damaged, or another version's is made anew.
 */
import { createHash, randomUUID } from 'node:crypto';
import { appendFile, open, rename, rm, stat, utimes } from 'node:fs/promises';
import { basename } from 'node:path';
import { filePieces } from '../../lib/host/files.ts';
import { native } from '../../lib/host/native.ts';

/** Of what the addon writes; counts up where that changes. */
const format = 1;
export const cachedEnding = '.solv';
const sealLength = 64;
/** Larger than any that a document within its limits gives. */
const maxCacheBytes = 4 * 1024 ** 3;

export interface Cached {
  path: string;
  /** Where a new one is to be written; undefined where the one at `path` is good. */
  temporary: string | undefined;
  identity: string;
}

/** @param documents paths in the metadata cache, whose names hold their checksums; the last one's data is cached */
export async function findCached(documents: readonly string[]): Promise<Cached> {
  const path = `${documents.at(-1)!}${cachedEnding}`;
  const names = documents.map((document) => basename(document));
  const identity = [`milliner ${format}`, `libsolv ${native().libsolvVersion}`, ...names].join('\n');
  if (await isSealed(path, identity)) return { path, temporary: undefined, identity };
  return { path, temporary: `${path}.${randomUUID()}.new`, identity };
}

/** Puts new files in place that the addon has written, and removes what it could not finish. Without one, nothing is lost. */
export async function cacheAll(cached: readonly Cached[], written: readonly string[]): Promise<void> {
  for (const { path, temporary, identity } of cached) {
    if (temporary === undefined) continue;
    try {
      if (!written.includes(temporary)) throw new Error('it is not whole');
      await appendFile(temporary, await sealOf(temporary, identity));
      // Not synced: what a crash leaves has no seal.
      await rename(temporary, path);
    } catch {
      await rm(temporary, { force: true });
    }
  }
}

async function isSealed(path: string, identity: string): Promise<boolean> {
  const { size } = await stat(path).catch(() => ({ size: 0 }));
  if (size <= sealLength || size > maxCacheBytes) return false;
  try {
    if ((await readSeal(path, size)) !== (await sealOf(path, identity, size - sealLength))) return false;
    // For gc, which removes what was not used for long.
    const now = new Date();
    await utimes(path, now, now);
    return true;
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
