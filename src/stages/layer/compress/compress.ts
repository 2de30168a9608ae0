/** Compression of layers. Concatenated frames, or gzip members, are one stream (RFC 8878, 3; RFC 1952, 2.2). */
import type { Readable } from 'node:stream';
import { constants, createGunzip, gzipSync, zstdCompressSync } from 'node:zlib';
import { decompressZstd } from '../../../lib/host/zstd.ts';
import type { Recipe } from '../../recipe/schema.ts';
import { inChunks } from './chunks.ts';

export interface Compression {
  kind: 'zstd' | 'zstd:chunked' | 'gzip';
  level: number;
}

/** Plain readers of zstd can read chunked layers too. */
export const mediaTypes: Record<Compression['kind'], string> = {
  'zstd:chunked': 'application/vnd.oci.image.layer.v1.tar+zstd',
  zstd: 'application/vnd.oci.image.layer.v1.tar+zstd',
  gzip: 'application/vnd.oci.image.layer.v1.tar+gzip',
};

/** Level for a recipe that sets none. */
export const defaultLevel: Record<Compression['kind'], number> = { zstd: 3, 'zstd:chunked': 3, gzip: 6 };

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
export async function* compressed(
  tar: AsyncIterable<Buffer> | Iterable<Buffer>,
  compression: Compression,
): AsyncGenerator<Buffer> {
  for await (const piece of inChunks(tar, pieceSize)) yield compressPiece(piece, compression);
}

/** Bytes of input and output of a decompressor; each chunk needs a turn of the thread pool. */
const maxChunkBytes = 1024 * 1024;

/** Uncompressed layers of other builders; Milliner's are always compressed. */
const plainType = 'application/vnd.oci.image.layer.v1.tar';

/** The tar stream of a blob of a layer's media type; undefined for any other type. */
export function decompressed(blob: Readable, mediaType: string): Readable | undefined {
  if (mediaType === plainType) return blob;
  if (mediaType === mediaTypes.zstd) return decompressZstd(blob, maxChunkBytes);
  if (mediaType !== mediaTypes.gzip) return undefined;
  const gunzip = createGunzip({ chunkSize: maxChunkBytes });
  blob.on('error', (error) => gunzip.destroy(error));
  return blob.pipe(gunzip);
}

export function compressionOf({ compression: kind, level }: Recipe['layers']): Compression {
  return { kind, level: level ?? defaultLevel[kind] };
}
