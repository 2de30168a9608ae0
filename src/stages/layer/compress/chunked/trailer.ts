/** What stands behind the data of a zstd:chunked layer, in frames that plain readers of zstd skip. */
import { sha256, zstdFrame, type ChunkIndex } from './encode-chunked.ts';

/** Of the names of its annotations. */
export const chunkedPrefix = 'io.github.containers.zstd-chunked.';
const skippableMagic = 0x184d2a50;
const frameHeader = 8;
const footerMagic = 'GNUlInUx';
/** The table of contents is of CRFS's form. */
const tocType = 1;

export const emptyIndex = (): ChunkIndex => ({ toc: [], split: [], size: 0 });

/** Puts what describes the next part behind what describes those before it. */
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

/** What containers/storage leaves out, without a word, where it takes a layer in pieces (seen of Debian 13's). */
const leftOut = new Set(['char', 'block', 'fifo']);

/**
 * Gives the bytes, and the annotations of the layer's descriptor by which readers find them; none for a layer that must
 * be taken whole, which every reader of zstd does then.
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
