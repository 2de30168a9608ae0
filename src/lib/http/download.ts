/** Verified downloads over HTTP that resume, with several mirrors, retries and size bounds. */
import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { rename, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Dispatcher } from 'undici';
import { MillinerError } from '../errors/error.ts';
import type { Checksum } from '../host/checksum.ts';
import { asStorageError, statIfThere, syncPath } from '../host/files.ts';
import { acquire } from '../host/locks.ts';
import { ReserveMeter } from '../host/reserve.ts';
import { defaultMinRate, defaultTimeout, type Access } from './access.ts';
import { eachMirror, type MirrorOptions } from './mirrors.ts';
import { asAttemptError, AttemptError, get, showUrl, type Asking } from './request.ts';

export interface FetchOptions extends MirrorOptions {
  /** A larger body is refused, whatever size its headers announce. */
  maxBytes: number;
  access?: Access | undefined;
  /** What the file is, for the error when it is missing; default: its URL. */
  what?: string | undefined;
}

export interface DownloadOptions extends FetchOptions {
  checksum?: Checksum | undefined;
  /** Exact size in bytes. */
  size?: number | undefined;
  /** May be called very often. */
  onProgress?: ((done: number, total: number | undefined) => void) | undefined;
}

/** The validators that a server sent for a version of a file (RFC 9110, 8.8). */
export interface Validators {
  etag?: string | undefined;
  lastModified?: string | undefined;
}

/**
 * Fetches one of the URLs (mirrors of one file, best first) to `file`, which appears whole or not at all. Bytes
 * received so far stay in `file.part`. The next call resumes there if it has a checksum, which detects a mixture of two
 * versions. Two processes that fetch the same file take turns, and the second finds it complete. Throws
 * REPO_UNAVAILABLE, DIGEST_MISMATCH, OFFLINE_MISSING, DISK_FULL, INTERRUPTED.
 */
export async function download(
  urls: string | readonly string[],
  file: string,
  options: DownloadOptions,
): Promise<void> {
  refuseOffline(urls, options);
  const part = `${file}.part`;
  for (;;) {
    const handle = await acquire(part, 'exclusive', { wait: true, signal: options.signal });
    try {
      // The previous holder of the lock may have finished the file and renamed the part file that this lock is on.
      const there = await statIfThere(part);
      if (there?.ino !== (await handle.stat()).ino) {
        if (await statIfThere(file)) return;
        continue;
      }
      await eachMirror(urls, options, (url) => fetchInto(url, handle, part, options));
      await handle.sync();
      await rename(part, file);
      await syncPath(dirname(file));
      return;
    } catch (error) {
      throw asStorageError(error, part);
    } finally {
      await handle.close();
    }
  }
}

/** Fetches a small file into memory. Throws REPO_UNAVAILABLE, OFFLINE_MISSING, INTERRUPTED. */
export async function fetchBytes(urls: string | readonly string[], options: FetchOptions): Promise<Buffer> {
  return (await fetchChanged(urls, {}, options))!.bytes;
}

/** As fetchBytes; undefined if the server's file still matches the validators. */
export async function fetchChanged(
  urls: string | readonly string[],
  { etag, lastModified }: Validators,
  options: FetchOptions,
): Promise<{ bytes: Buffer; validators: Validators } | undefined> {
  refuseOffline(urls, options);
  const headers = {
    ...(etag !== undefined && { 'if-none-match': etag }),
    ...(lastModified !== undefined && { 'if-modified-since': lastModified }),
  };
  const unchanged = Object.keys(headers).length > 0 ? [304] : [];
  return eachMirror(urls, options, async (url) => {
    const chunks: Buffer[] = [];
    const sink = { restart: async () => {}, write: async (chunk: Buffer) => void chunks.push(chunk) };
    const { response } = await receive(url, 0, options, sink, { headers, accept: unchanged });
    if (response.statusCode === 304) return undefined;
    const { etag: newTag, 'last-modified': newDate } = response.headers;
    return { bytes: Buffer.concat(chunks), validators: { etag: one(newTag), lastModified: one(newDate) } };
  });
}

function one(header: string | string[] | undefined): string | undefined {
  return typeof header === 'string' ? header : undefined;
}

function refuseOffline(urls: string | readonly string[], { access, what }: FetchOptions): void {
  if (!access?.offline) return;
  const [url = ''] = typeof urls === 'string' ? [urls] : urls;
  throw new MillinerError('OFFLINE_MISSING', `${what ?? showUrl(url)} is not in the cache`, {
    details: { missing: what ?? showUrl(url), url: showUrl(url) },
  });
}

interface Sink {
  /** The server sends the whole file although only the rest was requested. */
  restart(): Promise<void>;
  write(chunk: Buffer): Promise<void>;
}

/** One attempt to complete the part file and to verify it whole. */
async function fetchInto(
  url: string,
  handle: FileHandle,
  part: string,
  options: DownloadOptions,
): Promise<void> {
  const start = () => options.checksum && createHash(options.checksum.type);
  let hash = start();
  let have = await resumePoint(handle, part, hash, options);
  const resumed = have > 0;
  const reserve = new ReserveMeter(part);
  const sink: Sink = {
    restart: async () => {
      await handle.truncate(0);
      hash = start();
    },
    write: async (chunk) => {
      hash?.update(chunk);
      await reserve.spend(chunk.length);
      await handle.appendFile(chunk);
    },
  };
  if (options.size === undefined || have < options.size)
    have = (await receive(url, have, options, sink)).size;
  const wrong = mismatch(have, hash, options);
  if (!wrong) return;
  await handle.truncate(0);
  // A resumed file may mix two versions, so this mirror gets a second attempt from the beginning.
  throw new AttemptError(wrong, { mismatch: true, permanent: !resumed });
}

/** The number of bytes of the part file to keep; they are added to the hash. */
async function resumePoint(
  handle: FileHandle,
  part: string,
  hash: Hash | undefined,
  options: DownloadOptions,
): Promise<number> {
  const { size } = await handle.stat();
  if (!hash || size > (options.size ?? options.maxBytes)) {
    await handle.truncate(0);
    return 0;
  }
  await pipeline(createReadStream(part), async (chunks: AsyncIterable<Buffer>) => {
    for await (const chunk of chunks) hash.update(chunk);
  });
  return size;
}

function mismatch(size: number, hash: Hash | undefined, options: DownloadOptions): string | undefined {
  if (options.size !== undefined && size !== options.size) {
    return `${size} bytes arrived, not the expected ${options.size}`;
  }
  const digest = hash?.digest('hex');
  if (!options.checksum || digest === options.checksum.value) return undefined;
  return `its ${options.checksum.type} is ${digest}, not the expected ${options.checksum.value}`;
}

/** Streams a file, or the rest of it from byte `have` on; returns its full size and the response headers. */
async function receive(
  url: string,
  have: number,
  options: DownloadOptions,
  sink: Sink,
  { headers = {}, accept = [] }: Pick<Asking, 'headers' | 'accept'> = {},
): Promise<{ size: number; response: Dispatcher.ResponseData }> {
  const { access = {} } = options;
  const { timeout = defaultTimeout, minRate = defaultMinRate } = access;
  const limit = options.size ?? options.maxBytes;
  const slow = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, slow.signal]) : slow.signal;
  const range = have > 0 && { range: `bytes=${have}-` };
  const asking = { headers: { ...headers, ...range }, signal, accept: [416, ...accept], access };
  const response = await get(url, asking);
  if (response.statusCode === 304) {
    await response.body.dump();
    return { size: 0, response };
  }
  let done = await beginAt(response, have, sink);
  const length = Number(response.headers['content-length'] ?? Number.NaN);
  const total = options.size ?? (Number.isNaN(length) ? undefined : done + length);
  let marked = done;
  // Without a minimum rate a slow mirror could block a build for hours.
  const watch = setInterval(() => {
    if (done - marked < (minRate * timeout) / 1000) slow.abort(new AttemptError('the transfer is too slow'));
    marked = done;
  }, timeout);
  try {
    for await (const chunk of chunksOf(response)) {
      done += chunk.length;
      if (done > limit) throw tooLong(limit, options);
      await sink.write(chunk);
      options.onProgress?.(done, total);
    }
    return { size: done, response };
  } finally {
    clearInterval(watch);
  }
}

/** The offset in the file at which the body starts. */
async function beginAt(response: Dispatcher.ResponseData, have: number, sink: Sink): Promise<number> {
  if (response.statusCode === 206 && have > 0) {
    const range = /^bytes (\d+)-/.exec(String(response.headers['content-range']));
    if (Number(range?.[1]) === have) return have;
  }
  await sink.restart();
  if (response.statusCode === 200) return 0;
  await response.body.dump();
  throw new AttemptError('the server does not resume where it was asked to');
}

/** Network errors become AttemptErrors; errors of the code that writes the chunks pass unchanged. */
async function* chunksOf(response: Dispatcher.ResponseData): AsyncGenerator<Buffer> {
  try {
    yield* response.body;
  } catch (error) {
    throw asAttemptError(error);
  }
}

function tooLong(limit: number, options: DownloadOptions): AttemptError {
  const promised = options.size !== undefined;
  return new AttemptError(`the server sends more than ${limit} bytes`, {
    permanent: true,
    mismatch: promised,
  });
}
