/** Unpacks layers from blobs onto trees: decompresses them, checks digest and size, and applies them. */
import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { MillinerError } from '../../../lib/errors/error.ts';
import { spareBytes } from '../../../lib/host/reserve.ts';
import { decompressed } from '../compress/compress.ts';
import { readTar } from '../tar/reader.ts';
import { invalid } from '../tar/tar-header.ts';
import type { TarEntry } from '../tar/tar-entry.ts';
import { LayerTree, type TreeRules } from './layer-tree.ts';

export interface UnpackOptions extends TreeRules {
  /** Digest of the tar stream, from the image's configuration. */
  diffID?: string | undefined;
  /** Size limit of the tar stream. */
  maxBytes?: number | undefined;
}

/** Throws LAYER_INVALID, UNPACKED_TOO_LARGE, and what the file system throws for want of space. */
export async function unpackLayer(
  root: string,
  blob: Readable,
  mediaType: string,
  options: UnpackOptions = {},
): Promise<void> {
  const tar = decompressed(blob, mediaType);
  if (!tar) throw invalid(`its media type is ${mediaType}`);
  try {
    await unpackTar(root, tar, options);
  } catch (error) {
    throw /^(?:ERR_ZLIB|Z_|ERR_ZSTD|ZSTD)/.test((error as NodeJS.ErrnoException).code ?? '')
      ? invalid((error as Error).message)
      : error;
  } finally {
    blob.destroy();
    tar.destroy();
  }
}

/** As unpackLayer, for a stream that is not compressed. */
export async function unpackTar(
  root: string,
  tar: AsyncIterable<Buffer>,
  options: UnpackOptions = {},
): Promise<void> {
  const tree = new LayerTree(root, options);
  const room = await Room.in(root);
  await readTar(metered(tar, options), (entry, content) => {
    room.take(entry);
    return tree.add(entry, content);
  });
  await tree.finish();
}

/** Bytes that each entry takes at least: its inode and its name. */
const minEntryBytes = 1024;
const block = 4096;

/**
 * A layer may use up to half of the free space, because what is made of it needs space too. A larger layer is refused
 * before it fills the disk.
 */
class Room {
  readonly #maxBytes: number;
  #left: number;

  private constructor(maxBytes: number) {
    this.#maxBytes = this.#left = maxBytes;
  }

  static async in(root: string): Promise<Room> {
    return new Room(Math.floor((await spareBytes(root)) / 2));
  }

  take({ size }: TarEntry): void {
    this.#left -= minEntryBytes + Math.ceil(size / block) * block;
    if (this.#left >= 0) return;
    throw new MillinerError(
      'UNPACKED_TOO_LARGE',
      `a layer unpacks to more than ${Math.max(0, this.#maxBytes)} bytes, half of what is free`,
      { details: { mostBytes: this.#maxBytes } },
    );
  }
}

/** Stops at the limit, so that a decompression bomb cannot fill the disk. At the end it checks the digest. */
async function* metered(
  tar: AsyncIterable<Buffer>,
  { maxBytes = Infinity, diffID }: UnpackOptions,
): AsyncGenerator<Buffer> {
  const hash = createHash('sha256');
  let size = 0;
  for await (const piece of tar) {
    size += piece.length;
    if (size > maxBytes) throw invalid(`it unpacks to more than ${maxBytes} bytes`);
    if (diffID !== undefined) hash.update(piece);
    yield piece;
  }
  if (diffID === undefined) return;
  const found = `sha256:${hash.digest('hex')}`;
  if (found !== diffID) throw invalid(`it unpacks to ${found}, not to ${diffID}`);
}
