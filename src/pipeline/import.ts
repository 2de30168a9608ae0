/** Images between machines: what one has built and booted, another takes over without building it again. */
import type { Digest } from '../content/digest.ts';
import type { Context } from './context.ts';
import { leave } from './exchange.ts';
import { pushImage, readImage, type Tally } from './push.ts';
import type { ImageRecord } from './records.ts';

/** Leaves an image where others find it: as registries keep images, and its tree beside it. */
export async function leaveImage(context: Context, record: ImageRecord): Promise<void> {
  const { exchange } = context;
  if (!exchange) return;
  const tally: Tally = { uploadedBytes: 0, mountedBlobs: 0, skippedBlobs: 0 };
  await pushImage(context, await readImage(context, record), { ...exchange, tags: [] }, [], tally);
  await leave(context, record.tree);
}

export async function importImage(_context: Context, _record: Digest): Promise<void> {}
