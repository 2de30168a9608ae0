/**
 * A reserve of free space that large writes must leave: records, locks and databases need it to report what went wrong.
 */
import { statfs } from 'node:fs/promises';
import { MillinerError } from '../errors/error.ts';

/** A database of snapshots takes 110 kB with its journal, before it holds anything. */
const minReservedBytes = 512 * 1024;
const maxReservedBytes = 1024 ** 3;
const reservedShare = 0.05;
/** Bytes that may be written between two checks of the free space. */
const checkIntervalBytes = 8 * 1024 * 1024;

/** Bytes that may still be written to the file system of path; negative if the reserve itself is in use. */
export async function spareBytes(path: string): Promise<number> {
  const { bsize, blocks, bavail } = await statfs(path);
  const share = Math.floor(blocks * bsize * reservedShare);
  return bavail * bsize - Math.min(Math.max(share, minReservedBytes), maxReservedBytes);
}

/** Passes the pieces on. Throws DISK_FULL before the reserve is used. */
export async function* keepingReserve<T extends Uint8Array>(
  source: AsyncIterable<T> | Iterable<T>,
  path: string,
): AsyncGenerator<T> {
  const meter = new ReserveMeter(path);
  for await (const piece of source) {
    await meter.spend(piece.length);
    yield piece;
  }
}

/** The same check for code that does not write streams. */
export class ReserveMeter {
  readonly #path: string;
  #granted = 0;

  constructor(path: string) {
    this.#path = path;
  }

  /** Call it before writing that many bytes. Throws DISK_FULL. */
  async spend(bytes: number): Promise<void> {
    if (bytes > this.#granted) {
      const free = await spareBytes(this.#path);
      if (free < bytes) throw reserveReached(this.#path);
      this.#granted = Math.max(bytes, Math.min(checkIntervalBytes, free));
    }
    this.#granted -= bytes;
  }
}

export function reserveReached(path: string): MillinerError {
  return new MillinerError('DISK_FULL', `the file system of ${path} is full except for its reserve`, {
    details: { path },
  });
}
