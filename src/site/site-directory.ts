/**
 * Puts a site in its place as a whole: the files are written beside it, and then the directories are renamed. A reader
 * sees the former site or the new one, or for a moment none, but never a part of one. If a run is killed in that moment,
 * the next one puts the former site back first.
 */
import { rename, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { MillinerError } from '../lib/errors/error.ts';
import {
  asStorageError,
  lstatIfThere,
  readdirIfThere,
  readTextIfThere,
  withoutLinks,
} from '../lib/host/files.ts';
import { withLock } from '../lib/host/locks.ts';
import { removeTree } from '../lib/host/remove-tree.ts';
import { makeDirectory, requireSafePath } from '../lib/host/safe-place.ts';

export interface SiteFile {
  /** Relative to the site. */
  path: string;
  content: string | Buffer;
}

/** Tells a site of ours from a directory that others have filled. */
const marker = 'milliner-site.json';
const markerText = `${JSON.stringify({ version: 1 })}\n`;

export interface WrittenSite {
  path: string;
  files: number;
  bytes: number;
}

/** Throws OUTPUT_UNUSABLE, PLACE_UNSAFE, DISK_FULL, BUSY. */
export async function writeSiteFiles(
  out: string,
  files: Iterable<SiteFile>,
  signal?: AbortSignal,
): Promise<WrittenSite> {
  const path = withoutLinks(out);
  requireSafePath(path);
  await requireReplaceable(path);
  const beside = (ending: string) => join(dirname(path), `.${basename(path)}.${ending}`);
  const [fresh, stale] = [beside('new'), beside('old')];
  try {
    await makeDirectory(dirname(path), 0o755);
    return await withLock(beside('lock'), 'exclusive', async () => {
      if (!(await lstatIfThere(path)) && (await lstatIfThere(stale))) await rename(stale, path);
      for (const place of [fresh, stale]) await removeTree(place);
      const written = await fill(fresh, files, signal);
      // Another run may have put something else there while this one was writing.
      await requireReplaceable(path);
      if (await lstatIfThere(path)) await rename(path, stale);
      await rename(fresh, path);
      await removeTree(stale);
      return { path, ...written };
    });
  } catch (error) {
    await removeTree(fresh);
    throw unusable(error, path) ?? asStorageError(error, path);
  }
}

async function fill(
  place: string,
  files: Iterable<SiteFile>,
  signal: AbortSignal | undefined,
): Promise<Pick<WrittenSite, 'files' | 'bytes'>> {
  const made = new Set<string>();
  let [count, bytes] = [0, 0];
  await makeDirectory(place, 0o755);
  for (const { path, content } of marked(files)) {
    signal?.throwIfAborted();
    const target = join(place, path);
    if (!made.has(dirname(target))) await makeDirectory(dirname(target), 0o755);
    made.add(dirname(target));
    // `wx`: two pages of one name are a fault, not a page less.
    await writeFile(target, content, { flag: 'wx', mode: 0o644 });
    count += 1;
    bytes += Buffer.byteLength(content);
  }
  return { files: count, bytes };
}

function* marked(files: Iterable<SiteFile>): Generator<SiteFile> {
  yield { path: marker, content: markerText };
  yield* files;
}

async function requireReplaceable(path: string): Promise<void> {
  const found = await lstatIfThere(path);
  if (!found) return;
  if (!found.isDirectory()) throw refused(path, 'is not a directory');
  const names = (await readdirIfThere(path)) ?? [];
  if (names.length === 0 || (await readTextIfThere(join(path, marker))) !== undefined) return;
  throw refused(path, 'holds something other than a site of Milliner');
}

function refused(path: string, what: string, cause?: unknown): MillinerError {
  return new MillinerError('OUTPUT_UNUSABLE', `${path} ${what}`, {
    cause,
    hint: 'Give an empty or new directory with --out.',
    details: { path },
  });
}

function unusable(error: unknown, path: string): MillinerError | undefined {
  const { code } = error as NodeJS.ErrnoException;
  const known = ['EROFS', 'EACCES', 'EPERM', 'ENOTDIR', 'EEXIST', 'EBUSY', 'EXDEV', 'ENOENT'];
  if (error instanceof MillinerError || !known.includes(code ?? '')) return undefined;
  return refused(path, `cannot be written: ${code}`, error);
}
