/** Writes an image of this state into an OCI layout. */
import { join, resolve } from 'node:path';
import { withLock } from '../../lib/host/locks.ts';
import { canonicalDigest } from '../../lib/oci/digest.ts';
import { writeLayout } from '../../stages/image/oci-layout.ts';
import type { Context } from '../state/context.ts';
import type { ImageRecord } from '../state/image-records.ts';
import { readImage } from '../state/stored-image.ts';

/** Writers of one layout take turns, because each reads the index and writes it back with its tag. */
export async function exportLayout(context: Context, record: ImageRecord, directory: string): Promise<void> {
  const { content, state, signal } = context;
  const { digest, mediaType, manifest, config, layers } = await readImage(context, record);
  const digests = [...layers.map((layer) => layer.digest), config.digest, digest];
  const blobs = digests.map((one) => ({
    digest: one,
    path: content.path(one),
    verify: () => content.verify(one),
  }));
  const described = { mediaType, digest, size: manifest.length };
  const turn = join(state, 'locks', `output-${canonicalDigest(resolve(directory)).slice('sha256:'.length)}`);
  await withLock(turn, 'exclusive', () => writeLayout(directory, record.name, described, blobs), {
    wait: true,
    signal,
  });
}
