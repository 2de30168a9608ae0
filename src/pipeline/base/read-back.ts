/**
 * Reads a layer's blob as every client reads it. A mistake in writing it (a file or frame that is lost, doubled or
 * damaged, a stream cut short) shows only here.
 */
import { open, type FileHandle } from 'node:fs/promises';
import { pipeline, Readable, type Duplex } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { MillinerError } from '../../lib/errors/error.ts';
import { decompressZstd } from '../../lib/host/zstd.ts';
import type { Digest } from '../../lib/oci/digest.ts';
import { copied, verifiedPieces } from '../../stages/content/store.ts';
import { checkChunked, type ChunkedBlob } from '../../stages/layer/compress/chunked/check-chunked.ts';
import { ListedTar, type ListedEntry } from '../../stages/layer/tar/listing.ts';

export interface LayerBlob {
  digest: Digest;
  mediaType: string;
  annotations?: Record<string, string> | undefined;
}

export interface LayerContent {
  /** sha256 of the uncompressed tar stream. */
  diffID: string;
  listing: ListedEntry[];
}

const chunkSize = 1024 * 1024;

/** By the media types of the OCI image specification, independent of the code that writes layers. */
const readers: Record<string, (blob: Readable) => Duplex> = {
  'application/vnd.oci.image.layer.v1.tar+zstd': (blob) => decompressZstd(blob, chunkSize),
  // An error on either side destroys the other; the reader of the result gets it.
  'application/vnd.oci.image.layer.v1.tar+gzip': (blob) =>
    pipeline(blob, createGunzip({ chunkSize }), () => undefined),
};

/** Throws LAYERS_DIFFER, and BLOB_CORRUPT if the file at `path` is not that blob. */
export async function readBack(
  path: string,
  { digest, mediaType, annotations }: LayerBlob,
): Promise<LayerContent> {
  const listed = new ListedTar();
  const reader = readers[mediaType];
  if (!reader) throw unreadable(digest, `no client knows ${mediaType}`);
  await using handle = await open(path, 'r');
  try {
    const bytes = Readable.from(copied(verifiedPieces(handle, digest, path)), { objectMode: false });
    for await (const piece of reader(bytes)) listed.update(piece as Buffer);
  } catch (error) {
    throw isStorageFailure(error) ? error : unreadable(digest, String(error));
  }
  const found = { diffID: `sha256:${listed.digest()}`, listing: listed.entries };
  if (annotations) await readChunked(handle, { annotations, ...found });
  return found;
}

async function readChunked(handle: FileHandle, said: Omit<ChunkedBlob, 'read'>): Promise<void> {
  const read = async (at: number, length: number) => {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, at);
    return buffer.subarray(0, bytesRead);
  };
  try {
    await checkChunked({ ...said, read });
  } catch (error) {
    if (isStorageFailure(error)) throw error;
    throw new MillinerError(
      'LAYERS_DIFFER',
      `a zstd:chunked layer cannot be read in pieces: ${String(error)}`,
    );
  }
}

/** An error of the store or the disk, not of the blob. */
function isStorageFailure(error: unknown): boolean {
  return error instanceof MillinerError || (error as NodeJS.ErrnoException).syscall !== undefined;
}

function unreadable(digest: string, reason: string): MillinerError {
  return new MillinerError('LAYERS_DIFFER', `the layer ${digest} cannot be read: ${reason}`, {
    details: { digest },
  });
}
