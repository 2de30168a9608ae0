/** Pushes an image's blobs and manifest from the content store to a repository, by digest and without a tag. */
import { inParallel } from '../../lib/host/parallel.ts';
import type { Digest } from '../../lib/oci/digest.ts';
import type { BlobSource } from '../../lib/registry/blob-source.ts';
import { parseReference } from '../../lib/registry/reference.ts';
import type { Pushed } from '../../lib/registry/upload.ts';
import { listBases } from '../state/base-records.ts';
import { obtain } from '../state/blob-exchange.ts';
import type { Context } from '../state/context.ts';
import { publishedAt } from '../state/publications.ts';
import { readManifest, type BlobDescriptor, type StoredImage } from '../state/stored-image.ts';
import type { Target } from './targets.ts';

/** Enough to use the bandwidth, and few enough for the limits of a registry. */
const parallel = 3;

/** What became of the blobs of a run. */
export interface Tally {
  uploadedBytes: number;
  mountedBlobs: number;
  skippedBlobs: number;
}

export function count(tally: Tally, pushed: Pushed, size: number): void {
  if (pushed === 'uploaded') tally.uploadedBytes += size;
  else if (pushed === 'mounted') tally.mountedBlobs++;
  else tally.skippedBlobs++;
}

/**
 * Pushes what the repository lacks. `siblings` are repositories of the same registry to which this run has pushed the
 * image already. Each blob is checked against its digest while it is sent, before the
 * registry is told to accept it.
 */
export async function pushImage(
  context: Context,
  image: StoredImage,
  { client, registry, repository }: Target,
  siblings: readonly string[],
  tally: Tally,
): Promise<void> {
  const { content, progress } = context;
  const from = await mountSources(context, image, registry, siblings);
  const total = image.layers.reduce((sum, { size }) => sum + size, 0);
  const done = new Map<Digest, number>();
  const tell = (digest: Digest, bytes: number) => {
    done.set(digest, bytes);
    const sum = [...done.values()].reduce((a, b) => a + b, 0);
    progress.update(`pushing ${image.name} to ${registry}/${repository}`, sum, total);
  };
  const push = async ({ digest, size }: BlobDescriptor, signal: AbortSignal) => {
    const source: BlobSource = { digest, size, content: { path: content.path(digest) } };
    const pushed = await client.under(signal).pushBlob(repository, source, {
      mountFrom: from(digest),
      beforeSending: () => obtain(context, digest),
      verify: () => content.verify(digest),
      onProgress: (bytes) => tell(digest, bytes),
    });
    count(tally, pushed, size);
    tell(digest, size);
  };
  await inParallel([...image.layers, image.config], parallel, context.signal, push);
  if ((await client.headManifest(repository, image.digest)) === undefined) {
    await client.putManifest(repository, image.digest, image.manifest, image.mediaType);
  }
}

/**
 * Returns a repository of the registry to mount a blob from: one with this image, or for the base's layers one with the
 * base.
 */
async function mountSources(
  context: Context,
  image: StoredImage,
  registry: string,
  siblings: readonly string[],
): Promise<(digest: Digest) => string | undefined> {
  const { state, content, exchange } = context;
  const shared = exchange?.registry === registry ? exchange.repository : undefined;
  const whole = siblings[0] ?? shared ?? (await repositoryWith(state, image.digest, registry));
  if (whole !== undefined || image.base === undefined) return () => whole;
  const foreign = await pulledFrom(context, image.base, registry);
  if (foreign) return (digest) => (foreign.layers.has(digest) ? foreign.repository : undefined);
  const base = await repositoryWith(state, image.base, registry);
  if (base === undefined || !(await content.has(image.base))) return () => undefined;
  const { layers } = await readManifest(content, image.base);
  const below = new Set(layers.map((layer) => layer.digest));
  return (digest) => (below.has(digest) ? base : undefined);
}

/** The repository and layers of a base image that was pulled from this registry. */
async function pulledFrom(context: Context, base: Digest, registry: string) {
  for (const { record } of await listBases(context)) {
    if (record.kind !== 'image' || record.manifestDigest !== base) continue;
    const place = parseReference(record.name);
    const layers = new Set<string>(record.layers.map(({ digest }) => digest));
    if (place.registry === registry) return { repository: place.repository, layers };
  }
  return undefined;
}

async function repositoryWith(state: string, digest: Digest, registry: string): Promise<string | undefined> {
  const places = (await publishedAt(state, digest)).map(parseReference);
  return places.find((place) => place.registry === registry)?.repository;
}
