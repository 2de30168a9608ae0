/** Whether a registry still has what was read from it. */
import { inParallel } from '../host/parallel.ts';
import type { Digest } from '../oci/digest.ts';
import type { RegistryClient } from './client.ts';
import type { ReadRecord } from './read-record.ts';

/** Enough to use the bandwidth, and few enough for the limits of a registry. */
const parallel = 8;

/** Manifests are read again, which proves their digest. Blobs are only asked for. */
export async function isThereStill(
  client: RegistryClient,
  repository: string,
  { manifests, blobs, referrers }: ReadRecord,
  signal?: AbortSignal,
): Promise<boolean> {
  const questions = [
    ...Object.entries(manifests).map(([reference, digest]) => async () => {
      return ((await client.findManifest(repository, reference))?.digest ?? null) === digest;
    }),
    ...Object.entries(referrers).map(([subject, digests]) => async () => {
      const listed = await client.referrers(repository, subject as Digest);
      return sameDigests(
        listed.map(({ digest }) => digest),
        digests,
      );
    }),
    ...Object.entries(blobs).map(([digest, size]) => async () => {
      const found = await client.hasBlob(repository, digest as Digest);
      return found !== undefined && (found.size ?? size) === size;
    }),
  ];
  const answers = await inParallel(questions, parallel, signal, (question) => question());
  return answers.every(Boolean);
}

function sameDigests(some: readonly string[], others: readonly string[]): boolean {
  return some.toSorted().join() === others.toSorted().join();
}
