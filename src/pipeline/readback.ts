/**
 * A layer's blob, read as every client reads it. The digest and the listing of its tar stream are taken before it is
 * compressed: what goes wrong between there and the disk (a frame twice, two in the wrong order, a stream cut short)
 * shows here alone.
 */
import { createHash } from 'node:crypto';
import { pipeline, type Duplex, type Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import type { Digest } from '../content/digest.ts';
import type { ContentStore } from '../content/store.ts';
import { MillinerError } from '../errors.ts';
import { stoppable } from '../host/stoppable.ts';
import { decompressZstd } from '../host/zstd.ts';

export interface Written {
  digest: Digest;
  mediaType: string;
  /** What its tar stream is said to be. */
  diffID: string;
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
  { digest, mediaType, diffID }: Written,
  signal?: AbortSignal,
): Promise<void> {
  const hash = createHash('sha256');
  const reader = readers[mediaType];
  if (!reader) throw differs(digest, diffID, `what no client knows (${mediaType})`);
  try {
    for await (const piece of stoppable(reader(await content.openVerified(digest)), signal)) hash.update(piece as Buffer);
  } catch (error) {
    signal?.throwIfAborted();
    throw error instanceof MillinerError ? error : differs(digest, diffID, `no stream (${String(error)})`);
  }
  const found = `sha256:${hash.digest('hex')}`;
  if (found !== diffID) throw differs(digest, diffID, found);
}

function differs(digest: string, diffID: string, found: string): MillinerError {
  return new MillinerError('LAYERS_DIFFER', `the layer ${digest} holds ${found}, and ${diffID} was written`, {
    details: { digest, expected: diffID, actual: found },
  });
}
