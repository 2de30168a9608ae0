/**
 * Zstandard streams of several frames (RFC 8878, 3). Node's decompressor treats bytes behind a frame in the same chunk
 * as trailing garbage and ends without an error. So each frame must reach it in chunks of its own.
 */
import { createZstdDecompress } from 'node:zlib';
import { Readable, type Duplex } from 'node:stream';

const frameMagic = 0xfd2fb528;
/** The last four bits may have any value. */
const skippableMagic = 0x184d2a50;

/** A decompressor that reads all frames of a stream. */
export function decompressZstd(source: Readable, chunkSize: number): Duplex {
  const decompressor = createZstdDecompress({ chunkSize });
  const aligned = Readable.from(frameByFrame(source), { objectMode: false });
  aligned.on('error', (error) => decompressor.destroy(error));
  decompressor.on('close', () => aligned.destroy());
  return aligned.pipe(decompressor);
}

/** Splits the bytes so that no piece holds parts of two frames. Bytes that are no frame pass unchanged. */
export async function* frameByFrame(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const walker = new FrameWalker();
  for await (const piece of source) {
    for (let at = 0; at < piece.length;) {
      const length = walker.pass(piece.subarray(at));
      yield piece.subarray(at, at + length);
      at += length;
    }
  }
}

/** Whether the stream ends inside a frame; false if it has no frame at all. */
export async function endsInFrame(source: AsyncIterable<Buffer>): Promise<boolean> {
  return (await walkFrames(source)).isInFrame;
}

/** Whether the stream holds only frames; the last may be incomplete. */
export async function isOfFrames(source: AsyncIterable<Buffer>): Promise<boolean> {
  return !(await walkFrames(source)).isLost;
}

async function walkFrames(source: AsyncIterable<Buffer>): Promise<FrameWalker> {
  const walker = new FrameWalker();
  for await (const piece of source) {
    for (let at = 0; at < piece.length;) at += walker.pass(piece.subarray(at));
  }
  return walker;
}

type Field = 'magic' | 'skippable' | 'descriptor' | 'block';

const fieldSizes: Record<Field, number> = { magic: 4, skippable: 4, descriptor: 1, block: 3 };

/** Follows the structure of frames without looking into their blocks. */
class FrameWalker {
  readonly #bytes = Buffer.alloc(4);
  #filled = 0;
  #field: Field = 'magic';
  /** Bytes to skip before the next field. */
  #skip = 0;
  #hasChecksum = false;
  /** The bytes at this position are no frame. */
  #isLost = false;

  get isLost(): boolean {
    return this.#isLost;
  }

  get isInFrame(): boolean {
    return !this.#isLost && (this.#field !== 'magic' || this.#skip > 0 || this.#filled > 0);
  }

  /** The number of bytes of the piece that belong to the current frame. */
  pass(piece: Buffer): number {
    for (let at = 0; at < piece.length;) {
      const skipped = Math.min(this.#skip, piece.length - at);
      this.#skip -= skipped;
      at += skipped;
      if (this.#skip === 0 && skipped > 0 && this.#isAtEnd()) return at;
      if (at === piece.length || this.#isLost) break;
      this.#bytes[this.#filled++] = piece[at++]!;
      if (this.#filled < fieldSizes[this.#field]) continue;
      this.#filled = 0;
      this.#read();
      if (this.#skip === 0 && this.#isAtEnd()) return at;
    }
    return piece.length;
  }

  #isAtEnd(): boolean {
    return this.#field === 'magic' && !this.#isLost;
  }

  #read(): void {
    const bytes = this.#bytes;
    if (this.#field === 'magic') {
      const magic = bytes.readUInt32LE();
      if (magic === frameMagic) this.#field = 'descriptor';
      else if ((magic & 0xfffffff0) >>> 0 === skippableMagic) this.#field = 'skippable';
      // Not a frame: the decompressor reports the error.
      else this.#isLost = true;
    } else if (this.#field === 'skippable') this.#then('magic', bytes.readUInt32LE());
    else if (this.#field === 'descriptor') this.#readDescriptor(bytes[0]!);
    else this.#readBlock(bytes.readUIntLE(0, 3));
  }

  #readDescriptor(descriptor: number): void {
    const isSingle = (descriptor & 0x20) !== 0;
    const sizeFlag = descriptor >> 6;
    const contentSize = sizeFlag === 0 ? (isSingle ? 1 : 0) : 1 << sizeFlag;
    const dictionary = [0, 1, 2, 4][descriptor & 3]!;
    this.#hasChecksum = (descriptor & 4) !== 0;
    this.#then('block', (isSingle ? 0 : 1) + dictionary + contentSize);
  }

  #readBlock(header: number): void {
    const isLast = (header & 1) !== 0;
    const isRunLength = ((header >> 1) & 3) === 1;
    const content = isRunLength ? 1 : header >> 3;
    if (isLast) this.#then('magic', content + (this.#hasChecksum ? 4 : 0));
    else this.#then('block', content);
  }

  #then(field: Field, skip: number): void {
    this.#field = field;
    this.#skip = skip;
  }
}
