/**
 * Lists the entries of a layer from its tar stream. An image is checked against these listings, so that the check
 * starts from the written bytes, not from the intended ones.
 */
import { createHash, hash, type Hash } from 'node:crypto';
import { MillinerError } from '../../../lib/errors/error.ts';
import { linesOf } from '../tree.ts';
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

export interface ListedEntry extends TarEntry {
  /** Of a file's content, hexadecimal. */
  sha256?: string;
}

/**
 * Reads a tar stream in pieces of any size, and gives its digest and entries. Throws LAYERS_DIFFER for an invalid
 * stream.
 */
export class ListedTar {
  readonly entries: ListedEntry[] = [];
  readonly #digest = createHash('sha256');
  /** Pieces of an incomplete header. */
  #header: Buffer[] = [];
  #headerSize = 0;
  /** The reader of the bytes behind a header, with the number of bytes and of padding to come. */
  #body: Body | undefined;
  #left = 0;
  #padding = 0;
  #extended: Extended = {};
  /** Blocks of zeros, which end an archive. */
  #zeros = 0;

  update(bytes: Buffer): void {
    this.#digest.update(bytes);
    try {
      for (let at = 0; at < bytes.length;) at += this.#take(at === 0 ? bytes : bytes.subarray(at));
    } catch (error) {
      throw error instanceof MillinerError ? new MillinerError('LAYERS_DIFFER', error.message) : error;
    }
  }

  /** sha256 of the whole stream, hexadecimal. Call it once, at the end. */
  digest(): string {
    const isWhole = this.#zeros === 2 && this.#headerSize === 0 && this.#left === 0 && this.#padding === 0;
    if (!isWhole) throw new MillinerError('LAYERS_DIFFER', 'the tar stream of a layer ends too early');
    return this.#digest.digest('hex');
  }

  /** Returns the number of bytes that it used. */
  #take(bytes: Buffer): number {
    if (this.#left > 0) {
      const taken = bytes.subarray(0, this.#left);
      this.#body!.take(taken);
      if ((this.#left -= taken.length) === 0) this.#body!.end();
      return taken.length;
    }
    if (this.#padding > 0) {
      const taken = Math.min(this.#padding, bytes.length);
      this.#padding -= taken;
      return taken;
    }
    const taken = bytes.subarray(0, blockSize - this.#headerSize);
    this.#header.push(taken.length === blockSize ? taken : Buffer.from(taken));
    if ((this.#headerSize += taken.length) === blockSize) this.#readHeader();
    return taken.length;
  }

  #readHeader(): void {
    const block = this.#header.length === 1 ? this.#header[0]! : Buffer.concat(this.#header);
    this.#header = [];
    this.#headerSize = 0;
    if (block.every((byte) => byte === 0)) {
      this.#zeros++;
      return;
    }
    if (this.#zeros > 0) throw invalid('it continues after its end');
    checkHeader(block);
    // Other builders write other headers, which reader.ts accepts; Milliner writes only the standard's.
    if (block.toString('latin1', 257, 265) !== ustar) throw invalid('a header is not a ustar header');
    const flag = block.toString('latin1', 156, 157);
    if (isExtension(flag)) {
      const size = number(block, 124, 12);
      if (size > maxExtensionBytes) throw invalid(`an extended header has ${size} bytes`);
      this.#begin(
        size,
        extension((body) => Object.assign(this.#extended, readExtension(flag, body))),
      );
      return;
    }
    const entry: ListedEntry = entryOf(block, flag, this.#extended);
    this.#extended = {};
    this.entries.push(entry);
    if (entry.type === 'file') this.#begin(entry.size, content(entry));
  }

  #begin(size: number, body: Body): void {
    this.#body = body;
    this.#left = size;
    this.#padding = (blockSize - (size % blockSize)) % blockSize;
    if (size === 0) body.end();
  }
}

/** Magic and version (POSIX.1-2001). */
const ustar = 'ustar\u000000';

/** Reads the bytes behind a header. */
interface Body {
  take(bytes: Buffer): void;
  end(): void;
}

function extension(read: (body: Buffer) => void): Body {
  const pieces: Buffer[] = [];
  return {
    // Copied, because a piece is valid only until the next.
    take: (bytes) => pieces.push(Buffer.from(bytes)),
    end: () => read(Buffer.concat(pieces)),
  };
}

/** A small file arrives in one piece; an incremental hash of it would cost three times as much. */
function content(entry: ListedEntry): Body {
  let sum: Hash | undefined;
  return {
    take: (bytes) => {
      if (!sum && bytes.length === entry.size) entry.sha256 = hash('sha256', bytes);
      else (sum ??= createHash('sha256')).update(bytes);
    },
    end: () => {
      if (sum) entry.sha256 = sum.digest('hex');
      else entry.sha256 ??= hash('sha256', '');
    },
  };
}

type Stored = Omit<ListedEntry, 'xattrs'> & { xattrs?: Record<string, string> };

/** One JSON value per line. */
export function* serializeListing(entries: Iterable<ListedEntry>): Generator<string> {
  for (const { xattrs, ...entry } of entries) {
    const texts = Object.entries(xattrs ?? {}).map(([name, value]) => [name, value.toString('base64')]);
    const stored: Stored = { ...entry, ...(xattrs && { xattrs: Object.fromEntries(texts) }) };
    yield `${JSON.stringify(stored)}\n`;
  }
}

/** Reads the output of serializeListing, in pieces of any size. */
export async function parseListing(pieces: AsyncIterable<string> | Iterable<string>): Promise<ListedEntry[]> {
  const entries: ListedEntry[] = [];
  for await (const lines of linesOf(pieces)) for (const line of lines) entries.push(parseListed(line));
  return entries;
}

function parseListed(line: string): ListedEntry {
  const { xattrs, ...entry } = JSON.parse(line) as Stored;
  if (!xattrs) return entry;
  const values = Object.entries(xattrs).map(([name, value]) => [name, Buffer.from(value, 'base64')]);
  return { ...entry, xattrs: Object.fromEntries(values) as Record<string, Buffer> };
}
