/**
 * The content-addressed store: blobs/sha256/HEX below the state directory, each file named by its digest. Blobs appear
 * atomically and never change. Several processes may use the store at once.
 */
import { createHash } from 'node:crypto';
import { mkdir, open, readdir, rm, stat, utimes, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { MillinerError } from '../../lib/errors/error.ts';
import { filePieces, statIfThere } from '../../lib/host/files.ts';
import { hashFiles } from '../../lib/host/hash-files.ts';
import { withLock, type LockOptions } from '../../lib/host/locks.ts';
import { byteString } from '../../lib/host/paths.ts';
import { hexOf, isDigest, type Blob, type Digest } from '../../lib/oci/digest.ts';
import { Ingest, type Expected } from './ingest.ts';

export interface StoredBlob extends Blob {
  /** When it was written or last used. */
  used: Date;
}

export interface GcLimits {
  usedSince: Date;
  /** Size limit of the whole store. */
  maxBytes?: number | undefined;
  /** Remove nothing. */
  isDry?: boolean;
}

/** Returns the removed blobs, or with isDry those that would go. */
export type Collect = (needed: ReadonlySet<Digest>, limits: GcLimits) => Promise<Blob[]>;

export class ContentStore {
  /** The state directory of the store. */
  readonly directory: string;
  readonly #blobs: string;
  readonly #lock: string;
  readonly #ingest: Ingest;

  private constructor(state: string) {
    this.directory = state;
    this.#blobs = join(state, 'blobs', 'sha256');
    this.#lock = join(state, 'content.lock');
    this.#ingest = new Ingest(join(state, 'ingest'), (digest) => this.path(digest));
  }

  /** Opens the store below a state directory, makes missing directories, and removes what killed writers left. */
  static async open(state: string): Promise<ContentStore> {
    const store = new ContentStore(state);
    await mkdir(store.#blobs, { recursive: true });
    await store.#ingest.open();
    return store;
  }

  /** The path of a blob, whether it exists or not. */
  path(digest: Digest): string {
    return join(this.#blobs, hexOf(digest));
  }

  async has(digest: Digest): Promise<boolean> {
    return (await sizeAt(this.path(digest))) !== undefined;
  }

  /** The blob's path; marks the blob as used now, for gc. The bytes are not verified. Throws BLOB_MISSING. */
  async use(digest: Digest): Promise<string> {
    const path = this.path(digest);
    const now = new Date();
    await utimes(path, now, now).catch((error: unknown) => {
      throw missing(digest, error);
    });
    return path;
  }

  /** Stores a stream. Throws DIGEST_MISMATCH if the bytes differ from the expected ones, DISK_FULL. */
  ingestStream(source: AsyncIterable<Uint8Array>, expected: Expected = {}): Promise<Blob> {
    return this.#ingest.stream(source, expected);
  }

  /** Stores a file: a copy (with shared extents if the file system can), or with `consume` the file itself. */
  ingestFile(path: string, expected: Expected & { consume?: boolean } = {}): Promise<Blob> {
    return this.#ingest.file(path, expected);
  }

  /**
   * The blob's bytes, hashed as they are read. If they differ, the stream fails with BLOB_CORRUPT after the last byte,
   * so results derived from them are valid only once the stream has ended.
   */
  async openVerified(digest: Digest): Promise<Readable> {
    const handle = await open(await this.use(digest), 'r');
    const pieces = this.#verified(digest, handle);
    return Readable.from(copied(pieces), { objectMode: false });
  }

  /** As openVerified, for callers that finish with a piece before they request the next. */
  async *pieces(digest: Digest): AsyncGenerator<Buffer> {
    yield* this.#verified(digest, await open(await this.use(digest), 'r'));
  }

  /** Reads and verifies the whole blob; returns its size. Throws BLOB_MISSING or BLOB_CORRUPT. */
  async verify(digest: Digest): Promise<number> {
    await using handle = await open(await this.use(digest), 'r');
    const [[found]] = (await hashFiles(this.#blobs, [byteString(hexOf(digest))], ['sha256'])) as [[string]];
    if (found === hexOf(digest)) return (await handle.stat()).size;
    await this.#dropCorrupt(digest, handle);
    throw corrupt(digest, this.path(digest));
  }

  async *#verified(digest: Digest, handle: FileHandle): AsyncGenerator<Buffer> {
    try {
      yield* verifiedPieces(handle, digest, this.path(digest));
    } catch (error) {
      if (isCorrupt(error)) await this.#dropCorrupt(digest, handle);
      throw error;
    } finally {
      await handle.close();
    }
  }

  /**
   * Removes a damaged blob, so that the next run fetches it, unless another process has replaced it in the meantime.
   */
  async #dropCorrupt(digest: Digest, handle: FileHandle): Promise<void> {
    const [read, there] = await Promise.all([handle.stat(), statIfThere(this.path(digest))]);
    if (there?.ino === read.ino) await this.remove(digest);
  }

  async remove(digest: Digest): Promise<void> {
    await rm(this.path(digest), { force: true });
  }

  /** Every blob, in no particular order. */
  async list(): Promise<StoredBlob[]> {
    const blobs: StoredBlob[] = [];
    for (const name of await readdir(this.#blobs)) {
      const digest = `sha256:${name}` as const;
      if (!isDigest(digest)) continue;
      const found = await statIfThere(this.path(digest));
      if (found) blobs.push({ digest, size: found.size, used: found.mtime });
    }
    return blobs;
  }

  /** Keeps gc from running while fn runs: a build holds the lease from its first use of the store to its last. */
  lease<T>(fn: () => Promise<T>, options: LockOptions = { wait: true }): Promise<T> {
    return withLock(this.#lock, 'shared', fn, options);
  }

  /**
   * Runs fn alone with the store, and passes it the function that removes blobs. That removes every blob that is
   * neither needed nor used since the given time. Then it removes the least recently used of the others until at most
   * `maxBytes` are left, or no other may be removed. BUSY while a lease is held; with `wait` it waits for the last
   * lease to end.
   */
  gc<T>(fn: (collect: Collect) => Promise<T>, options: LockOptions = {}): Promise<T> {
    const collect: Collect = (needed, limits) => this.#collect(needed, limits);
    return withLock(this.#lock, 'exclusive', () => fn(collect), options);
  }

  async #collect(
    needed: ReadonlySet<Digest>,
    { usedSince, maxBytes = Infinity, isDry = false }: GcLimits,
  ): Promise<Blob[]> {
    const removed: Blob[] = [];
    const blobs = (await this.list()).toSorted((a, b) => a.used.getTime() - b.used.getTime());
    let total = blobs.reduce((sum, { size }) => sum + size, 0);
    for (const { digest, size, used } of blobs) {
      if (needed.has(digest) || (used >= usedSince && total <= maxBytes)) continue;
      if (!isDry) await this.remove(digest);
      total -= size;
      removed.push({ digest, size });
    }
    return removed;
  }
}

/**
 * Reads a blob's file without a store; each piece is valid until the next is requested. Throws BLOB_CORRUPT after the
 * last.
 */
export async function* verifiedPieces(
  handle: FileHandle,
  digest: Digest,
  path: string,
): AsyncGenerator<Buffer> {
  const hash = createHash('sha256');
  for await (const piece of filePieces(handle)) {
    hash.update(piece);
    yield piece;
  }
  if (hash.digest('hex') !== hexOf(digest)) throw corrupt(digest, path);
}

const corrupt = (digest: Digest, path: string) =>
  new MillinerError('BLOB_CORRUPT', `${path} does not hold ${digest}`, { details: { digest, path } });

function isCorrupt(error: unknown): boolean {
  return error instanceof MillinerError && error.code === 'BLOB_CORRUPT';
}

export async function* copied(pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  for await (const piece of pieces) yield Buffer.from(piece);
}

async function sizeAt(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function missing(digest: Digest, error: unknown): unknown {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') return error;
  return new MillinerError('BLOB_MISSING', `${digest} is not in the store`, { details: { digest } });
}
