/**
 * Writes into the store: a temporary file that only its living writer owns is hashed, synced, and then renamed to its
 * digest. Two writers of one blob produce the same file, so their order does not matter.
 */
import { createHash } from 'node:crypto';
import {
  constants,
  copyFile,
  mkdir,
  open,
  readdir,
  rename,
  rm,
  stat,
  utimes,
  type FileHandle,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { MillinerError } from '../../lib/errors/error.ts';
import { asStorageError, syncPath } from '../../lib/host/files.ts';
import { createOwned, takeAbandoned } from '../../lib/host/locks.ts';
import { native } from '../../lib/host/native.ts';
import { ReserveMeter, keepingReserve } from '../../lib/host/reserve.ts';
import type { Blob, Digest } from '../../lib/oci/digest.ts';

export interface Expected {
  digest?: Digest;
  /** Bytes; reading stops at the first byte beyond. */
  size?: number;
  /** What the bytes are, for errors: a URL, a package. */
  what?: string;
}

export class Ingest {
  readonly #directory: string;
  readonly #pathOf: (digest: Digest) => string;
  readonly #directorySync = new SharedSync();

  constructor(directory: string, pathOf: (digest: Digest) => string) {
    this.#directory = directory;
    this.#pathOf = pathOf;
  }

  /** Makes the directory and removes temporary files of dead writers. */
  async open(): Promise<void> {
    await mkdir(this.#directory, { recursive: true });
    for (const name of await readdir(this.#directory)) await takeAbandoned(join(this.#directory, name));
  }

  stream(source: AsyncIterable<Uint8Array>, expected: Expected): Promise<Blob> {
    return this.#throughTemporary(async (handle) => {
      const meter = new Meter(expected);
      await handle.writeFile(keepingReserve(meter.pass(source), this.#directory));
      return meter.end();
    });
  }

  async file(path: string, expected: Expected & { consume?: boolean }): Promise<Blob> {
    // O_NONBLOCK, because opening a FIFO would hang. O_NOFOLLOW, because consuming a link would move the link.
    const follow = expected.consume ? constants.O_NOFOLLOW : 0;
    const source = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | follow);
    try {
      const { nlink, size } = await regular(source, path);
      const expectedFile = { what: path, ...expected };
      if (expected.size !== undefined && size !== expected.size) throw wrongSize(expectedFile, size);
      // A file with another name is copied: a writer could change the blob through that name.
      if (expected.consume && nlink === 1) return await this.#consume(source, path, expectedFile);
      const blob = await this.#copy(path, expectedFile);
      if (expected.consume) await rm(path);
      return blob;
    } finally {
      await source.close();
    }
  }

  #copy(path: string, expected: Expected): Promise<Blob> {
    return this.#throughTemporary(async (handle, temporary) => {
      const { size } = await stat(path);
      await new ReserveMeter(this.#directory).spend(size);
      await copyFile(path, temporary, constants.COPYFILE_FICLONE);
      return digestOf(handle, expected);
    });
  }

  async #consume(source: FileHandle, path: string, expected: Expected): Promise<Blob> {
    const blob = await digestOf(source, expected);
    try {
      await this.#settle(source, path, blob.digest);
      return blob;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EXDEV') throw error;
    }
    await this.#copy(path, expected);
    await rm(path);
    return blob;
  }

  async #throughTemporary(fill: (handle: FileHandle, temporary: string) => Promise<Blob>): Promise<Blob> {
    const { path: temporary, handle } = await createOwned(this.#directory);
    try {
      const blob = await fill(handle, temporary);
      await this.#settle(handle, temporary, blob.digest);
      return blob;
    } catch (error) {
      await rm(temporary, { force: true });
      throw asStorageError(error, temporary);
    } finally {
      await handle.close();
    }
  }

  /** The bytes are synced before the rename, because rename(2) alone does not promise that order. */
  async #settle(handle: FileHandle, temporary: string, digest: Digest): Promise<void> {
    const path = this.#pathOf(digest);
    const now = new Date();
    // A blob never changes, under this name or under that of a layout.
    await handle.chmod(0o444);
    await utimes(temporary, now, now);
    await handle.sync();
    await rename(temporary, path);
    await this.#directorySync.of(dirname(path));
  }
}

/** Syncs a directory once for all blobs that were renamed into it while the sync before was running. */
class SharedSync {
  #running: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;

  of(directory: string): Promise<void> {
    this.#next ??= this.#running
      .catch(() => undefined)
      .then(() => {
        this.#next = undefined;
        return (this.#running = syncPath(directory));
      });
    return this.#next;
  }
}

/** Hashes and counts the bytes, and stops at the expected size. */
class Meter {
  readonly #hash = createHash('sha256');
  readonly #expected: Expected;
  #size = 0;

  constructor(expected: Expected) {
    this.#expected = expected;
  }

  async *pass(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    const limit = this.#expected.size ?? Infinity;
    for await (const chunk of source) {
      this.#size += chunk.length;
      if (this.#size > limit) throw wrongSize(this.#expected, this.#size);
      this.#hash.update(chunk);
      yield chunk;
    }
  }

  end(): Blob {
    return held({ digest: `sha256:${this.#hash.digest('hex')}`, size: this.#size }, this.#expected);
  }
}

async function digestOf(handle: FileHandle, expected: Expected): Promise<Blob> {
  const digest: Digest = `sha256:${await native().hashDescriptor(handle.fd)}`;
  return held({ digest, size: (await handle.stat()).size }, expected);
}

/** Throws DIGEST_MISMATCH if size or digest differ from the expected ones. */
function held(blob: Blob, expected: Expected): Blob {
  const { digest, size } = blob;
  if (expected.size !== undefined && size !== expected.size) throw wrongSize(expected, size);
  if (expected.digest === undefined || digest === expected.digest) return blob;
  throw new MillinerError(
    'DIGEST_MISMATCH',
    `${expected.what ?? 'a stream'} has ${digest}, not ${expected.digest}`,
    { details: { what: expected.what, expected: expected.digest, actual: digest } },
  );
}

async function regular(handle: FileHandle, path: string) {
  const found = await handle.stat();
  if (found.isFile()) return found;
  throw new MillinerError('DIGEST_MISMATCH', `${path} is not a regular file`, { details: { what: path } });
}

function wrongSize(expected: Expected, actual: number): MillinerError {
  return new MillinerError(
    'DIGEST_MISMATCH',
    `${expected.what ?? 'a stream'} has ${actual} bytes or more, not ${expected.size}`,
    { details: { what: expected.what, expectedSize: expected.size, actualSize: actual } },
  );
}
