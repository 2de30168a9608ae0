/** The trailer of a zstd:chunked layer, in frames that plain readers of zstd skip. */
import { hash } from 'node:crypto';
import { constants, zstdCompressSync } from 'node:zlib';

/** In the format of the table of contents; offsets are relative to the described part. */
export interface TocEntry {
  type: string;
  name: string;
  offset?: number;
  endOffset?: number;
  [field: string]: unknown;
}

/** In tar-split's format, without its position. */
export interface SplitEntry {
  type: 1 | 2;
  name?: string;
  size?: number;
  payload: string | null;
}

export interface ChunkIndex {
  toc: TocEntry[];
  split: SplitEntry[];
  /** Compressed bytes of the described part. */
  size: number;
}

/** Prefix of the annotations' names. */
export const chunkedPrefix = 'io.github.containers.zstd-chunked.';
const skippableMagic = 0x184d2a50;
const frameHeader = 8;
const footerMagic = 'GNUlInUx';
/** Format of the table of contents: CRFS. */
const tocType = 1;

export const emptyIndex = (): ChunkIndex => ({ toc: [], split: [], size: 0 });

/** Appends the index of the next part. */
export function appendIndex(to: ChunkIndex, next: ChunkIndex): void {
  const moved = (offset: number | undefined) => (offset === undefined ? undefined : offset + to.size);
  for (const entry of next.toc) {
    const [offset, endOffset] = [moved(entry.offset), moved(entry.endOffset)];
    to.toc.push({
      ...entry,
      ...(offset !== undefined && { offset }),
      ...(endOffset !== undefined && { endOffset }),
    });
  }
  for (const entry of next.split) to.split.push(entry);
  to.size += next.size;
}

/** Entry types that containers/storage silently drops when it fetches a layer in chunks (observed with Debian 13's). */
const leftOut = new Set(['char', 'block', 'fifo']);

/**
 * Returns the bytes and the annotations of the layer's descriptor by which clients find them. Without annotations, for
 * a layer with such entries, every client fetches it whole.
 */
export function trailer(
  index: ChunkIndex,
  level: number,
): { bytes: Buffer; annotations: Record<string, string> | undefined } {
  const split = Buffer.from(
    index.split.map((entry, position) => `${JSON.stringify({ ...entry, position })}\n`).join(''),
  );
  const packedSplit = zstdFrame(split, level);
  const toc = Buffer.from(
    JSON.stringify({ version: 1, entries: index.toc, tarSplitDigest: sha256(packedSplit) }),
  );
  const packedToc = zstdFrame(toc, level);
  const tocAt = index.size + frameHeader;
  const splitAt = tocAt + packedToc.length + frameHeader;
  const footer = Buffer.alloc(7 * 8);
  const numbers = [tocAt, packedToc.length, toc.length, tocType, splitAt, packedSplit.length, split.length];
  for (const [at, value] of numbers.entries()) footer.writeBigUInt64LE(BigInt(value), at * 8);
  return {
    bytes: Buffer.concat([
      skippable(packedToc),
      skippable(packedSplit),
      skippable(Buffer.concat([footer, Buffer.from(footerMagic)])),
    ]),
    annotations: index.toc.some(({ type }) => leftOut.has(type))
      ? undefined
      : {
          [`${chunkedPrefix}manifest-checksum`]: sha256(packedToc),
          [`${chunkedPrefix}manifest-position`]: `${tocAt}:${packedToc.length}:${toc.length}:${tocType}`,
          [`${chunkedPrefix}tarsplit-position`]: `${splitAt}:${packedSplit.length}:${split.length}`,
        },
  };
}

function skippable(content: Buffer): Buffer {
  const header = Buffer.alloc(frameHeader);
  header.writeUInt32LE(skippableMagic, 0);
  header.writeUInt32LE(content.length, 4);
  return Buffer.concat([header, content]);
}

export function zstdFrame(bytes: Buffer, level: number): Buffer {
  const params = { [constants.ZSTD_c_compressionLevel]: level, [constants.ZSTD_c_checksumFlag]: 1 };
  return zstdCompressSync(bytes, { params });
}

export function sha256(bytes: Buffer): string {
  return `sha256:${hash('sha256', bytes)}`;
}
