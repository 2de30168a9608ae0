/** Compression of layers. Frames and members laid end to end are one stream (RFC 8878, 3; RFC 1952, 2.2). */
import type { Readable } from 'node:stream';
import { constants, createGunzip, gzipSync, zstdCompressSync } from 'node:zlib';
import { decompressZstd } from '../../../lib/host/zstd.ts';
import type { Recipe } from '../../recipe/schema.ts';
import { inChunks } from './chunks.ts';

export interface Compression {
  kind: 'zstd' | 'zstd:chunked' | 'gzip';
  level: number;
}

/** A plain reader of zstd reads chunked layers too. */
export const mediaTypes: Record<Compression['kind'], string> = {
  'zstd:chunked': 'application/vnd.oci.image.layer.v1.tar+zstd',
  zstd: 'application/vnd.oci.image.layer.v1.tar+zstd',
  gzip: 'application/vnd.oci.image.layer.v1.tar+gzip',
};

/** What a recipe means that names no level. */
export const defaultLevel: Record<Compression['kind'], number> = { zstd: 3, 'zstd:chunked': 3, gzip: 6 };

/**
 * Of the stream; each piece is a frame, or member, of its own. Compressed in one call it takes less time than as a
 * stream, and a match is seldom found further back.
 */
const pieceSize = 8 * 1024 * 1024;

/** No worker threads inside zstd: they give other bytes. */
function compressPiece(piece: Buffer, { kind, level }: Compression): Buffer {
  // ZSTD_compressBound(): with room for all of it, zstd writes to where it belongs at once.
  const chunkSize = piece.length + (piece.length >> 8) + 1024;
  if (kind === 'gzip') return gzipSync(piece, { level, chunkSize });
  const params = { [constants.ZSTD_c_compressionLevel]: level, [constants.ZSTD_c_checksumFlag]: 1 };
  return zstdCompressSync(piece, { chunkSize, params });
}

/** A tar stream's compressed bytes, which depend on its bytes and not on how they come. */
export async function* compressed(
  tar: AsyncIterable<Buffer> | Iterable<Buffer>,
  compression: Compression,
): AsyncGenerator<Buffer> {
  for await (const piece of inChunks(tar, pieceSize)) yield compressPiece(piece, compression);
}

/** Of what goes in and comes out of a decompressor: each costs a turn of the thread pool. */
const maxChunkBytes = 1024 * 1024;

/** Of other builders' layers; none of ours is without compression. */
export const plainType = 'application/vnd.oci.image.layer.v1.tar';

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
