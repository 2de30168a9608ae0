/**
 * A second writer of layers, in JavaScript, for comparison with the addon's: members of a tar stream become a compressed
 * layer, or a piece of one.
 */
import { constants, gzipSync, zstdCompressSync } from 'node:zlib';
import {
  emptyIndex,
  appendIndex,
  trailer,
  type ChunkIndex,
} from '../../../src/stages/layer/compress/chunked/trailer.ts';
import type { Compression } from '../../../src/stages/layer/compress/compress.ts';
import { inChunks } from '../../../src/stages/layer/compress/chunks.ts';
import { endOfArchive, tarBytes, type TarMember } from './tar-writer.ts';
import { encodeChunked, encodeEnd } from './encode-chunked.ts';

/**
 * Bytes of the stream for each frame or member. One call for a piece is faster than a stream, and matches further back
 * are rare.
 */
const pieceSize = 8 * 1024 * 1024;

/** Without zstd's worker threads, which produce other bytes. */
function compressPiece(piece: Buffer, { kind, level }: Compression): Buffer {
  // ZSTD_compressBound(): with space for the worst case, zstd writes directly to the output.
  const chunkSize = piece.length + (piece.length >> 8) + 1024;
  if (kind === 'gzip') return gzipSync(piece, { level, chunkSize });
  const params = { [constants.ZSTD_c_compressionLevel]: level, [constants.ZSTD_c_checksumFlag]: 1 };
  return zstdCompressSync(piece, { chunkSize, params });
}

/** Compresses a tar stream; the result depends only on its bytes, not on how they are split. */
async function* compressed(
  tar: AsyncIterable<Buffer> | Iterable<Buffer>,
  compression: Compression,
): AsyncGenerator<Buffer> {
  for await (const piece of inChunks(tar, pieceSize)) yield compressPiece(piece, compression);
}

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

interface WholeLayer {
  bytes: AsyncIterable<Buffer>;
  /** Complete once the bytes were read. */
  annotations(): Record<string, string> | undefined;
}

function joinPieces(pieces: AsyncIterable<Piece> | Iterable<Piece>, compression: Compression): WholeLayer {
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
