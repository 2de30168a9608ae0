/**
 * Splits a file's content into chunks whose boundaries depend on the content, as containers/storage does
 * (pkg/chunked/compressor: a rolling sum over 64 bytes, 16 bits, and separate runs of zeros). So equal bytes give equal
 * chunks wherever they are.
 */

export interface Chunk {
  bytes: Buffer;
  /** Only zeros, which a client need not fetch. */
  isZeros: boolean;
}

const windowSize = 64;
const charOffset = 31;
const splitMask = (1 << 16) - 1;
const minHole = 1024;
/** An upper bound, because the sum may never match, and a chunk is held in memory. */
const maxChunk = 4 * 1024 * 1024;

/** The rolling sum of bup and rsync; only its lower 32 bits are looked at. */
class RollingSum {
  readonly #window = new Uint8Array(windowSize);
  #at = 0;
  #s1 = windowSize * charOffset;
  #s2 = windowSize * (windowSize - 1) * charOffset;

  /** Whether the content is split after this byte. */
  roll(byte: number): boolean {
    const dropped = this.#window[this.#at]!;
    this.#s1 = (this.#s1 + byte - dropped) | 0;
    this.#s2 = (this.#s2 + this.#s1 - windowSize * (dropped + charOffset)) | 0;
    this.#window[this.#at] = byte;
    this.#at = (this.#at + 1) & (windowSize - 1);
    return (this.#s2 & splitMask) === splitMask;
  }
}

const zeroPiece = Buffer.alloc(maxChunk);

/** Compared as a whole, because a hole may have many GiB. */
function isZero(piece: Buffer): boolean {
  return piece.length <= maxChunk && zeroPiece.compare(piece, 0, piece.length, 0, piece.length) === 0;
}

/**
 * A chunk is valid until the next is requested.
 * @param size bytes of the content
 */
export async function* splitContent(
  content: AsyncIterable<Buffer> | Iterable<Buffer>,
  size: number,
): AsyncGenerator<Chunk> {
  const sum = new RollingSum();
  const buffer = Buffer.allocUnsafe(Math.min(size, maxChunk));
  let filled = 0;
  let zeros = 0;
  const chunk = (isZeros = false): Chunk => {
    const bytes = buffer.subarray(0, filled);
    filled = 0;
    return { bytes, isZeros };
  };
  /** Zeros that were held back until it is known whether they are a hole. */
  function* release(): Generator<Chunk> {
    if (zeros >= minHole) {
      yield* releaseHole();
      return;
    }
    while (zeros > 0) {
      const cut = sum.roll(0);
      buffer[filled++] = 0;
      zeros--;
      if (cut || filled === maxChunk) yield chunk();
    }
  }
  function* releaseHole(): Generator<Chunk> {
    if (filled > 0) yield chunk();
    // Once the window holds only zeros, more of them do not change the sum.
    for (let rolled = 0; rolled < windowSize; rolled++) sum.roll(0);
    while (zeros > 0) {
      const count = Math.min(zeros, maxChunk - filled);
      buffer.fill(0, filled, filled + count);
      filled += count;
      zeros -= count;
      if (filled === maxChunk) yield chunk(true);
    }
    if (filled > 0) yield chunk(true);
  }
  for await (const piece of content) {
    if (isZero(piece)) {
      zeros += piece.length;
      continue;
    }
    for (const byte of piece) {
      if (byte === 0) {
        zeros++;
        continue;
      }
      if (zeros > 0) yield* release();
      const cut = sum.roll(byte);
      buffer[filled++] = byte;
      if (cut || filled === maxChunk) yield chunk();
    }
  }
  yield* release();
  if (filled > 0) yield chunk();
}
