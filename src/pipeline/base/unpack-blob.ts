/** Unpacks layers of others in a process that can access nothing but the blob and the tree. */
import { extname, join } from 'node:path';
import { z } from 'zod';
import { MillinerError } from '../../lib/errors/error.ts';
import { treeCapabilities } from '../../lib/host/confined.ts';
import { Workers } from '../../lib/host/workers.ts';
import type { Digest } from '../../lib/oci/digest.ts';
import type { ImageLayer } from '../../stages/image/image.ts';
import { maxUnpackedBytes } from '../../stages/layer/tar/entry-rules.ts';
import type { Context } from '../state/context.ts';
import type { UnpackTask } from './unpack-worker.ts';

const module = join(import.meta.dirname, `unpack-worker${extname(import.meta.filename)}`);

/** Throws LAYER_INVALID, UNPACKED_TOO_LARGE, BLOB_CORRUPT, and errors of a full file system. */
export async function unpackBlob(
  { content, signal }: Context,
  root: string,
  { digest, diffID, mediaType, size }: ImageLayer,
): Promise<void> {
  const path = await content.use(digest as Digest);
  const task = { root, path, mediaType, diffID, maxBytes: maxUnpackedBytes(size) };
  await unpackConfined(task, signal).catch(async (error: unknown) => {
    // The blob may have been damaged on this disk: verify throws BLOB_CORRUPT if it no longer matches its digest.
    if (error instanceof MillinerError && error.code === 'LAYER_INVALID')
      await content.verify(digest as Digest);
    throw error;
  });
}

export async function unpackConfined(task: UnpackTask, signal: AbortSignal | undefined): Promise<void> {
  const reach = { reads: [task.path], writes: task.root, capabilities: treeCapabilities };
  await using workers = new Workers<UnpackTask>({ module, maxCount: 1, reach });
  await workers.run(task, z.object({}), signal);
}
