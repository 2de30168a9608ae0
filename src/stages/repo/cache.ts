/** Caches metadata files by checksum. Each is verified on every use; several processes may use the cache. */
import { copyFile, mkdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { MillinerError } from '../../lib/errors/error.ts';
import { replaceFile } from '../../lib/host/atomic-file.ts';
import { fileMatches, isWeak } from '../../lib/host/checksum.ts';
import type { Progress } from '../../lib/host/progress.ts';
import type { Access } from '../../lib/http/access.ts';
import { download } from '../../lib/http/download.ts';
import { basesOf, below, directoryOf } from './location.ts';
import type { MetadataFile, MetadataType } from './repomd.ts';

export interface Source {
  /** The repository's name, for messages. */
  name: string;
  /** Mirrors, best first. */
  bases: readonly URL[];
  cacheDir: string;
  access: Access;
  progress: Progress;
  signal?: AbortSignal | undefined;
}

const MiB = 1024 * 1024;

/** Maximum of compressed bytes: about twenty times those of Fedora. */
const limits: Record<MetadataType, number> = {
  primary: 512 * MiB,
  filelists: 2048 * MiB,
  group: 64 * MiB,
  group_gz: 64 * MiB,
  group_xz: 64 * MiB,
  group_zst: 64 * MiB,
  group_bz2: 64 * MiB,
  modules: 64 * MiB,
  updateinfo: 512 * MiB,
};

/** Path of a verified copy. Throws REPO_UNAVAILABLE, REPO_INVALID, DIGEST_MISMATCH, OFFLINE_MISSING. */
export async function obtain(source: Source, type: MetadataType, entry: MetadataFile): Promise<string> {
  const limit = limits[type];
  if (entry.size !== undefined && entry.size > limit) {
    throw new MillinerError(
      'REPO_INVALID',
      `${type} of repository ${source.name} is larger than ${limit} bytes`,
    );
  }
  if (isWeak(entry.checksum)) {
    source.progress.warn(
      `repository ${source.name} vouches for its ${type} with ${entry.checksum.type} only`,
    );
  }
  await mkdir(source.cacheDir, { recursive: true });
  const path = join(source.cacheDir, cachedName(source.name, type, entry));
  if (!(await isIntact(path, entry))) await fetchFile(source, type, path, entry);
  for (const checksum of entry.repeated) {
    if (await fileMatches(path, checksum)) continue;
    const message = `repomd.xml of repository ${source.name} lists ${type} twice, with different files`;
    throw new MillinerError('REPO_INVALID', message);
  }
  return path;
}

async function fetchFile(
  source: Source,
  type: MetadataType,
  path: string,
  entry: MetadataFile,
): Promise<void> {
  const limit = limits[type];
  const urls = basesOf(source.bases, entry.base, source.name).map((base) =>
    below(base, entry.location, source.name),
  );
  const remote = urls.filter((url) => directoryOf(url) === undefined);
  const ways = urls
    .map(directoryOf)
    .filter((found) => found !== undefined)
    .map((local) => () => copyVerified(local, path, entry, limit));
  const fetch = () => fetchVerified(source, remote, path, entry, limit);
  if (remote.length > 0) ways.splice(remote[0] === urls[0] ? 0 : ways.length, 0, fetch);
  const failures: unknown[] = [];
  for (const way of ways) {
    try {
      return await way();
    } catch (error) {
      if (!(error instanceof MillinerError) || source.signal?.aborted) throw error;
      failures.push(error);
    }
  }
  throw failures[0];
}

/** The name keeps its extension, because libsolv chooses the decompressor by it. */
function cachedName(repository: string, type: MetadataType, { location, checksum }: MetadataFile): string {
  const ending = /\.(?:xml|ya?ml)(|\.gz|\.xz|\.zst|\.bz2)$/.exec(location);
  if (!ending) {
    throw new MillinerError(
      'REPO_INVALID',
      `${type} of repository ${repository} is compressed in a way that is not known: ${location}`,
    );
  }
  return `${type}-${checksum.type}-${checksum.value}${ending[0]}`;
}

async function isIntact(path: string, { size, checksum }: MetadataFile): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  if (!found || (size !== undefined && found.size !== size)) return false;
  return fileMatches(path, checksum);
}

async function fetchVerified(
  source: Source,
  urls: readonly URL[],
  path: string,
  { type, checksum, size }: MetadataFile,
  limit: number,
): Promise<void> {
  // Removed, so that a damaged copy is not taken for one that another process has just completed.
  await rm(path, { force: true });
  const label = `${source.name}: ${type}`;
  source.progress.step(`fetching ${type} of repository ${source.name}`);
  await download(
    urls.map((url) => url.href),
    path,
    {
      checksum,
      size,
      maxBytes: limit,
      signal: source.signal,
      access: source.access,
      what: `${type} of repository ${source.name}`,
      onProgress: (done, total) => source.progress.update(label, done, total ?? done),
    },
  );
}

/** Copied, because createrepo may replace the original between its verification and its use. */
async function copyVerified(from: string, path: string, entry: MetadataFile, limit: number): Promise<void> {
  const found = await stat(from).catch((cause: unknown) => {
    throw new MillinerError('REPO_UNAVAILABLE', `cannot read ${from}`, { cause });
  });
  if (found.size > limit) throw new MillinerError('REPO_INVALID', `${from} is larger than ${limit} bytes`);
  await replaceFile(path, async (_handle, temporary) => {
    await copyFile(from, temporary);
    if (await isIntact(temporary, entry)) return;
    throw new MillinerError(
      'DIGEST_MISMATCH',
      `${from} does not have the size and checksum that repomd.xml gives`,
    );
  });
}
