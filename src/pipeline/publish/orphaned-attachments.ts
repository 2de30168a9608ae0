/** For `retention`: signatures and attestations of images that are gone. A run that was interrupted has left them. */
import { inParallel } from '../../lib/host/parallel.ts';
import type { Digest } from '../../lib/oci/digest.ts';
import type { Repository } from '../trust/repositories-by-name.ts';
import { parallelRequests, type RepositoryTags } from '../trust/tagged-images.ts';
import type { RemovableImage } from './plan-retention.ts';

export async function orphanedAttachments(
  { client, repository }: Repository,
  { images, attachments }: RepositoryTags,
  signal: AbortSignal | undefined,
): Promise<RemovableImage[]> {
  const known = new Set<Digest>(
    images.flatMap(({ digest, children }) => [digest, ...children.map((one) => one.digest)]),
  );
  const untagged = [...attachments].filter(([digest]) => !known.has(digest));
  const found = await inParallel(untagged, parallelRequests, signal, async ([digest, tags], within) => {
    const manifest = await client.under(within).getManifest(repository, digest);
    return manifest ? [] : [{ digest, tags: [], attachments: tags, histories: [] }];
  });
  return found.flat();
}
