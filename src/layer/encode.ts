/** Parts of a tar stream to the compressed bytes of a layer, or of a piece of one. */
import { createHash, type Hash } from 'node:crypto';
import { encodeChunked, encodeEnd, type ChunkIndex } from './chunked/encode.ts';
import { emptyIndex, trailer } from './chunked/trailer.ts';
import { compressed, type Compression } from './compress.ts';
import { endOfArchive, tarBytes, type TarPart } from './tar.ts';

type Parts = AsyncIterable<TarPart> | Iterable<TarPart>;

export interface Piece {
  bytes: AsyncIterable<Buffer>;
  /** Of zstd:chunked; complete when the bytes have been read. */
  index?: ChunkIndex;
}

/** To be laid between others; nothing of it says where. @param size about as many bytes of the stream */
export function encodePiece(parts: Parts, compression: Compression, size?: number): Piece {
  if (compression.kind !== 'zstd:chunked') return { bytes: compressed(tarBytes(parts), compression, size) };
  const index = emptyIndex();
  return { bytes: encodeChunked(parts, compression.level, index), index };
}

export interface WholeLayer {
  bytes: AsyncIterable<Buffer>;
  /** Of the tar stream; settled, as all of this is, when the bytes have been read. */
  diffID(): string;
  annotations(): Record<string, string> | undefined;
}

/** A layer in one piece. */
export function encodeLayer(parts: Parts, compression: Compression): WholeLayer {
  const tar = createHash('sha256');
  let diffID: string | undefined;
  let annotations: Record<string, string> | undefined;
  async function* chunked() {
    const { level } = compression;
    const index = emptyIndex();
    yield* encodeChunked(parts, level, index, tar);
    yield encodeEnd(endOfArchive, level, index, tar);
    const end = trailer(index, level);
    annotations = end.annotations;
    yield end.bytes;
  }
  const isChunked = compression.kind === 'zstd:chunked';
  return {
    bytes: isChunked ? chunked() : compressed(hashed(parts, tar), compression),
    diffID: () => (diffID ??= `sha256:${tar.digest('hex')}`),
    annotations: () => annotations,
  };
}

async function* hashed(parts: Parts, tar: Hash): AsyncGenerator<Buffer> {
  for await (const piece of tarBytes(parts)) {
    tar.update(piece);
    yield piece;
  }
  tar.update(endOfArchive);
  yield endOfArchive;
}
