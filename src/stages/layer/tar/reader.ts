/**
 * Reads tar streams of writer.ts and of other builders: ustar with pax extended headers (POSIX.1-2001), GNU's long
 * names and base-256 numbers. Other formats are refused.
 */
import {
  blockSize,
  checkHeader,
  entryOf,
  invalid,
  isExtension,
  maxExtensionBytes,
  number,
  readExtension,
  type Extended,
} from './tar-header.ts';
import type { TarEntry } from './tar-entry.ts';

/** Called for each entry. It must read the content before it returns; the rest is skipped. */
export type OnEntry = (entry: TarEntry, content: AsyncIterable<Buffer>) => Promise<void>;

/** Throws LAYER_INVALID. */
export async function readTar(source: AsyncIterable<Buffer>, onEntry: OnEntry): Promise<void> {
  const reader = new BlockReader(source);
  let extended: Extended = {};
  for (;;) {
    const block = await reader.header();
    if (block === undefined) return;
    const flag = block.toString('latin1', 156, 157);
    const size = number(block, 124, 12);
    if (isExtension(flag)) {
      extended = { ...extended, ...readExtension(flag, await reader.whole(size)) };
    } else if (flag === 'g') {
      await reader.whole(size);
    } else {
      const entry = entryOf(block, flag, extended);
      extended = {};
      const content = reader.content(entry.size);
      await onEntry(entry, content);
      for await (const rest of content) void rest;
    }
  }
}

class BlockReader {
  readonly #source: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(source: AsyncIterable<Buffer>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** The next header; undefined at the end of the archive. */
  async header(): Promise<Buffer | undefined> {
    const block = await this.#exactly(blockSize);
    if (block === undefined) return undefined;
    if (block.every((byte) => byte === 0)) {
      // Padding may follow the end. It is read too, because otherwise the stream before it would never end.
      while ((await this.#some(1 << 20)) !== undefined);
      return undefined;
    }
    checkHeader(block);
    return block;
  }

  async whole(size: number): Promise<Buffer> {
    if (size > maxExtensionBytes) throw invalid(`an extended header has ${size} bytes`);
    const pieces: Buffer[] = [];
    for await (const piece of this.content(size)) pieces.push(piece);
    return Buffer.concat(pieces);
  }

  /** May be iterated again, and then continues where the last iteration stopped. */
  content(size: number): AsyncIterable<Buffer> {
    const padded = Math.ceil(size / blockSize) * blockSize;
    let at = 0;
    const next = async (): Promise<IteratorResult<Buffer>> => {
      if (at < size) {
        const piece = await this.#some(size - at);
        if (piece === undefined) throw invalid('it breaks off');
        at += piece.length;
        return { done: false, value: piece };
      }
      if (at < padded) {
        if (!(await this.#exactly(padded - at))) throw invalid('it breaks off');
        at = padded;
      }
      return { done: true, value: undefined };
    };
    return { [Symbol.asyncIterator]: () => ({ next }) };
  }

  async #exactly(size: number): Promise<Buffer | undefined> {
    while (this.#rest.length < size) {
      const { value, done } = await this.#source.next();
      if (done === true) {
        if (this.#rest.length === 0) return undefined;
        throw invalid('it breaks off');
      }
      this.#rest = this.#rest.length === 0 ? value : Buffer.concat([this.#rest, value]);
    }
    const taken = this.#rest.subarray(0, size);
    this.#rest = this.#rest.subarray(size);
    return taken;
  }

  async #some(max: number): Promise<Buffer | undefined> {
    while (this.#rest.length === 0) {
      const { value, done } = await this.#source.next();
      if (done === true) return undefined;
      this.#rest = value;
    }
    const taken = this.#rest.subarray(0, max);
    this.#rest = this.#rest.subarray(taken.length);
    return taken;
  }
}
