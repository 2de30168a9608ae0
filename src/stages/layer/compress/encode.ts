/** Encodes members of a tar stream to a compressed layer, or to a piece of one. */
import { endOfArchive, tarBytes, type TarMember } from '../tar/writer.ts';
import { encodeChunked, encodeEnd, type ChunkIndex } from './chunked/encode-chunked.ts';
import { appendIndex, emptyIndex, trailer } from './chunked/trailer.ts';
import { compressed, type Compression } from './compress.ts';

type TarMembers = AsyncIterable<TarMember> | Iterable<TarMember>;

export interface Piece {
  bytes: AsyncIterable<Buffer>;
  /** For zstd:chunked; complete once the bytes were read. */
  index?: ChunkIndex | undefined;
}

/** A piece can be concatenated with others at any position. */
export function encodePiece(members: TarMembers, compression: Compression): Piece {
  if (compression.kind !== 'zstd:chunked') return { bytes: compressed(tarBytes(members), compression) };
  const index = emptyIndex();
  return { bytes: encodeChunked(members, compression.level, index), index };
}

export interface WholeLayer {
  bytes: AsyncIterable<Buffer>;
  /** Complete once the bytes were read. */
  annotations(): Record<string, string> | undefined;
}

export function joinPieces(
  pieces: AsyncIterable<Piece> | Iterable<Piece>,
  compression: Compression,
): WholeLayer {
  let annotations: Record<string, string> | undefined;
  async function* bytes(): AsyncGenerator<Buffer> {
    const index = compression.kind === 'zstd:chunked' ? emptyIndex() : undefined;
    for await (const piece of pieces) {
      yield* piece.bytes;
      if (index) appendIndex(index, piece.index!);
    }
    if (!index) yield* compressed([endOfArchive], compression);
    else {
      yield encodeEnd(endOfArchive, compression.level, index);
      const end = trailer(index, compression.level);
      annotations = end.annotations;
      yield end.bytes;
    }
  }
  return { bytes: bytes(), annotations: () => annotations };
}

/** A layer in one piece. */
export function encodeLayer(members: TarMembers, compression: Compression): WholeLayer {
  return joinPieces([encodePiece(members, compression)], compression);
}
