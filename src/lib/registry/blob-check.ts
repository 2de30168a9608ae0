/** Hashes a blob's bytes while they are sent, so that they are read once. */
import { createHash } from 'node:crypto';
import { hexOf } from '../oci/digest.ts';
import type { BlobSource } from './blob-source.ts';

export class BlobCheck {
  readonly #blob: BlobSource;
  readonly #hash = createHash('sha256');
  #offset = 0;
  #isWhole: boolean | undefined;

  constructor(blob: BlobSource) {
    this.#blob = blob;
  }

  /** Bytes that were sent before, in an earlier session, are not hashed again. */
  take(bytes: Uint8Array, from: number): void {
    const start = this.#offset - from;
    if (start < 0 || start >= bytes.length) return;
    this.#hash.update(bytes.subarray(start));
    this.#offset = from + bytes.length;
  }

  /** Whether all bytes were taken, in order and without a gap, and have the digest. */
  get isWhole(): boolean {
    if (this.#offset < this.#blob.size) return false;
    return (this.#isWhole ??= this.#hash.digest('hex') === hexOf(this.#blob.digest));
  }
}
