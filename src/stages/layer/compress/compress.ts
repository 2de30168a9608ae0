/** The compressions of layers, and readers of them. The addon compresses (native/layer). */
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { decompressZstd } from '../../../lib/host/zstd.ts';
import type { Recipe } from '../../recipe/schema.ts';

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
