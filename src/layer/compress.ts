/** Compression of layers. Frames and members laid end to end are one stream (RFC 8878, 3; RFC 1952, 2.2). */
import type { Duplex, Readable } from 'node:stream';
import { constants, createGunzip, createGzip, createZstdCompress } from 'node:zlib';
import { decompressZstd } from '../host/zstd.ts';
import { inChunks } from './gather.ts';

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
export const usualLevel: Record<Compression['kind'], number> = { zstd: 3, 'zstd:chunked': 3, gzip: 6 };

/** Of what goes in and comes out: each costs a turn of the thread pool. */
const largestChunk = 1024 * 1024;
const smallestChunk = 16 * 1024;

/** No worker threads inside zstd: they give other bytes. */
function compressorOf({ kind, level }: Compression, chunkSize: number): Duplex {
  if (kind === 'gzip') return createGzip({ level, chunkSize });
  return createZstdCompress({
    chunkSize,
    params: { [constants.ZSTD_c_compressionLevel]: level, [constants.ZSTD_c_checksumFlag]: 1 },
  });
}

/**
 * A tar stream's compressed bytes, which depend on its bytes and not on how they come. Nothing begins before they are
 * asked for: an error of a stream that nobody reads yet would end the process. @param size about as many bytes
 */
export async function* compressed(
  tar: AsyncIterable<Buffer> | Iterable<Buffer>,
  compression: Compression,
  size = largestChunk,
): AsyncGenerator<Buffer> {
  const chunkSize = Math.min(largestChunk, Math.max(smallestChunk, size));
  const compressor = compressorOf(compression, chunkSize);
  void feed(compressor, inChunks(tar, chunkSize)).catch((error: unknown) =>
    compressor.destroy(error as Error),
  );
  yield* compressor as AsyncIterable<Buffer>;
}

/** Each chunk is waited for: it is used again for the next. */
async function feed(compressor: Duplex, chunks: AsyncIterable<Buffer>): Promise<void> {
  for await (const chunk of chunks) {
    await new Promise<void>((resolve, reject) => {
      compressor.write(chunk, (error) => (error ? reject(error) : resolve()));
    });
  }
  compressor.end();
}

/** The tar stream of a blob of a layer's media type; undefined for any other type. */
export function decompressed(blob: Readable, mediaType: string): Duplex | undefined {
  if (mediaType === mediaTypes.zstd) return decompressZstd(blob, largestChunk);
  if (mediaType !== mediaTypes.gzip) return undefined;
  const gunzip = createGunzip({ chunkSize: largestChunk });
  blob.on('error', (error) => gunzip.destroy(error));
  return blob.pipe(gunzip);
}
