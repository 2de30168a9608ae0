/** Parts of a tar stream to the compressed bytes of a layer, or of a piece of one. */
import { encodeChunked, encodeEnd, type ChunkIndex } from './chunked/encode.ts';
import { appendIndex, emptyIndex, trailer } from './chunked/trailer.ts';
import { compressed, type Compression } from './compress.ts';
import { ListedTar, type ListedEntry, type TarSink } from './listing.ts';
import { endOfArchive, tarBytes, type TarPart } from './tar.ts';

type Parts = AsyncIterable<TarPart> | Iterable<TarPart>;

export interface Piece {
  bytes: AsyncIterable<Buffer>;
  /** Of zstd:chunked; complete when the bytes have been read. */
  index?: ChunkIndex | undefined;
}

/** To be laid between others; nothing of it says where. @param tar is given the bytes of the tar stream */
export function encodePiece(parts: Parts, compression: Compression, tar: TarSink): Piece {
  if (compression.kind !== 'zstd:chunked') {
    return { bytes: compressed(hashed(tarBytes(parts), tar), compression) };
  }
  const index = emptyIndex();
  return { bytes: encodeChunked(parts, compression.level, index, tar), index };
}

export interface WholeLayer {
  bytes: AsyncIterable<Buffer>;
  /** Of the tar stream; settled, as all of this is, when the bytes have been read. */
  diffID(): string;
  annotations(): Record<string, string> | undefined;
  /** What the tar stream holds. */
  listing(): ListedEntry[];
}

/** @param tar is given the bytes of the pieces' tar streams by whoever makes the pieces, until all have been read */
export function joinPieces(
  pieces: AsyncIterable<Piece> | Iterable<Piece>,
  compression: Compression,
  tar: ListedTar,
): WholeLayer {
  let diffID: string | undefined;
  let annotations: Record<string, string> | undefined;
  async function* bytes(): AsyncGenerator<Buffer> {
    const index = compression.kind === 'zstd:chunked' ? emptyIndex() : undefined;
    for await (const piece of pieces) {
      yield* piece.bytes;
      if (index) appendIndex(index, piece.index!);
    }
    if (!index) yield* compressed(hashed([endOfArchive], tar), compression);
    else {
      yield encodeEnd(endOfArchive, compression.level, index, tar);
      const end = trailer(index, compression.level);
      annotations = end.annotations;
      yield end.bytes;
    }
  }
  return {
    bytes: bytes(),
    diffID: () => (diffID ??= `sha256:${tar.digest()}`),
    annotations: () => annotations,
    listing: () => tar.entries,
  };
}

/** A layer in one piece. */
export function encodeLayer(parts: Parts, compression: Compression): WholeLayer {
  const tar = new ListedTar();
  return joinPieces([encodePiece(parts, compression, tar)], compression, tar);
}

async function* hashed(
  bytes: AsyncIterable<Buffer> | Iterable<Buffer>,
  tar: TarSink,
): AsyncGenerator<Buffer> {
  for await (const piece of bytes) {
    tar.update(piece);
    yield piece;
  }
}
