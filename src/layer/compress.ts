/** Compression of layers. Frames and members laid end to end are one stream (RFC 8878, 3; RFC 1952, 2.2). */
import { Readable, type Duplex } from 'node:stream';
import { constants, createGunzip, createGzip, createZstdCompress } from 'node:zlib';
import { decompressZstd } from '../host/zstd.ts';
import { inChunks } from './gather.ts';

export interface Compression {
  kind: 'zstd' | 'gzip';
  level: number;
}

export const mediaTypes: Record<Compression['kind'], string> = {
  zstd: 'application/vnd.oci.image.layer.v1.tar+zstd',
  gzip: 'application/vnd.oci.image.layer.v1.tar+gzip',
};

/** What a recipe means that names no level. */
export const usualLevel: Record<Compression['kind'], number> = { zstd: 3, gzip: 6 };

/** No worker threads inside zstd: they give other bytes. */
function compressorOf({ kind, level }: Compression): Duplex {
  if (kind === 'gzip') return createGzip({ level, chunkSize: 256 * 1024 });
  return createZstdCompress({
    chunkSize: 256 * 1024,
    params: { [constants.ZSTD_c_compressionLevel]: level, [constants.ZSTD_c_checksumFlag]: 1 },
  });
}

/** A tar stream's compressed bytes, which depend on its bytes and not on how they come. */
export function compressed(
  tar: AsyncIterable<Buffer> | Iterable<Buffer>,
  compression: Compression,
): Readable {
  const source = Readable.from(inChunks(tar), { objectMode: false });
  const compressor = compressorOf(compression);
  source.on('error', (error) => compressor.destroy(error));
  compressor.on('close', () => source.destroy());
  return source.pipe(compressor);
}

/** The tar stream of a blob of a layer's media type; undefined for any other type. */
export function decompressed(blob: Readable, mediaType: string): Duplex | undefined {
  if (mediaType === mediaTypes.zstd) return decompressZstd(blob);
  if (mediaType !== mediaTypes.gzip) return undefined;
  const gunzip = createGunzip({ chunkSize: 256 * 1024 });
  blob.on('error', (error) => gunzip.destroy(error));
  return blob.pipe(gunzip);
}
