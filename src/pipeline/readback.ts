/**
 * A layer's blob, read as every client reads it. The digest and the listing of its tar stream are taken before it is
 * compressed: what goes wrong between there and the disk (a frame twice, two in the wrong order, a stream cut short)
 * shows here alone.
 */
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { pipeline, type Duplex, type Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import type { Digest } from '../content/digest.ts';
import type { ContentStore } from '../content/store.ts';
import { MillinerError } from '../errors.ts';
import { stoppable } from '../host/stoppable.ts';
import { decompressZstd } from '../host/zstd.ts';
import { checkChunked, type ChunkedBlob } from '../layer/chunked/check.ts';
import type { ListedEntry } from '../layer/listing.ts';

export interface Written {
  digest: Digest;
  mediaType: string;
  /** What its tar stream is said to be. */
  diffID: string;
  annotations?: Record<string, string> | undefined;
  listing: readonly ListedEntry[];
}

const chunkSize = 1024 * 1024;

/** By the names that the OCI image specification has, and not by the writer's. */
const readers: Record<string, (blob: Readable) => Duplex> = {
  'application/vnd.oci.image.layer.v1.tar+zstd': (blob) => decompressZstd(blob, chunkSize),
  // What fails on either side ends the other; the reader of the last hears of it.
  'application/vnd.oci.image.layer.v1.tar+gzip': (blob) =>
    pipeline(blob, createGunzip({ chunkSize }), () => undefined),
};

/** Throws LAYERS_DIFFER. */
export async function readBack(
  content: ContentStore,
  { digest, mediaType, diffID, annotations, listing }: Written,
  signal?: AbortSignal,
): Promise<void> {
  const hash = createHash('sha256');
  const reader = readers[mediaType];
  if (!reader) throw differs(digest, diffID, `what no client knows (${mediaType})`);
  try {
    const tar = reader(await content.openVerified(digest));
    for await (const piece of stoppable(tar, signal)) hash.update(piece as Buffer);
  } catch (error) {
    throw isOthers(error) ? error : differs(digest, diffID, `no stream (${String(error)})`);
  }
  const found = `sha256:${hash.digest('hex')}`;
  if (found !== diffID) throw differs(digest, diffID, found);
  if (annotations) await readChunked(content.path(digest), { annotations, listing, diffID });
}

async function readChunked(path: string, said: Omit<ChunkedBlob, 'read'>): Promise<void> {
  await using handle = await open(path, 'r');
  const read = async (at: number, length: number) => {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, at);
    return buffer.subarray(0, bytesRead);
  };
  try {
    await checkChunked({ ...said, read });
  } catch (error) {
    if (isOthers(error)) throw error;
    throw new MillinerError(
      'LAYERS_DIFFER',
      `a zstd:chunked layer cannot be read in pieces: ${String(error)}`,
    );
  }
}

/** What the store, the disk or the user's interrupt has to say, and not the blob. */
function isOthers(error: unknown): boolean {
  if (error instanceof MillinerError || (error as Error).name === 'AbortError') return true;
  return (error as NodeJS.ErrnoException).syscall !== undefined;
}

function differs(digest: string, diffID: string, found: string): MillinerError {
  return new MillinerError('LAYERS_DIFFER', `the layer ${digest} holds ${found}, and ${diffID} was written`, {
    details: { digest, expected: diffID, actual: found },
  });
}
