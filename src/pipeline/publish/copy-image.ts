/** Copies an image with everything that is attached to it from one repository to another, byte for byte. */
import { MillinerError } from '../../lib/errors/error.ts';
import { inParallel } from '../../lib/host/parallel.ts';
import { manifestType, type Descriptor } from '../../lib/oci/descriptor.ts';
import type { Manifest } from '../../lib/registry/manifests.ts';
import { describe, readManifest as readAttached, type Fetched } from '../../stages/sign/artifact.ts';
import { attachmentTag, mergeLayers, type AttachmentKind } from '../../stages/sign/attachment.ts';
import { readManifest } from '../../stages/image/foreign-image.ts';
import type { Context } from '../state/context.ts';
import { fetchAttachment, fetchBundles, type PublishedImage } from '../trust/fetch-signatures.ts';
import { pushAttachment, pushBundle } from './attach.ts';
import { imagesIn } from './point-tag.ts';
import { count, type Tally } from './push.ts';

/** Enough to use the bandwidth, and few enough for the limits of a registry. */
const parallel = 3;
/** Bytes of the configuration of a bundle, which is an empty object. */
const maxConfigBytes = 4096;

/** Of an index, its images first. Throws IMAGE_UNPUBLISHED, BLOB_MISSING, BASE_INVALID, and what registries throw. */
export async function copyImage(
  context: Context,
  source: PublishedImage,
  target: PublishedImage,
  manifest: Manifest,
  tally: Tally,
): Promise<void> {
  const indexed = imagesIn(manifest);
  for (const { digest, mediaType } of indexed) {
    const found = await source.client.getManifest(source.repository, digest);
    if (!found) throw new MillinerError('IMAGE_UNPUBLISHED', `${source.repository} has no ${digest}`);
    // The index says what it is; a registry can say something else at each request.
    const image = { ...found, mediaType };
    const from = { ...source, digest };
    const to = { ...target, digest };
    await copyBlobs(context, from, to, image, tally);
    await putManifest(to, image);
    await copyAttached(from, to, tally);
  }
  if (indexed.length === 0) await copyBlobs(context, source, target, manifest, tally);
  await putManifest(target, manifest);
  await copyAttached(source, target, tally);
}

/**
 * Blobs that the repository has are skipped, and those of the same registry are
 * mounted; others pass through the content store, which checks their digests.
 */
async function copyBlobs(
  context: Context,
  source: PublishedImage,
  target: PublishedImage,
  { bytes, mediaType }: Manifest,
  tally: Tally,
): Promise<void> {
  const { content, progress, signal } = context;
  const { config, layers } = readManifest(source.repository, mediaType, bytes);
  const blobs = [...new Map([...layers, config].map(({ digest, size }) => [digest, size]))];
  const total = blobs.reduce((sum, [, size]) => sum + size, 0);
  const isSameRegistry = source.client.registry === target.client.registry;
  let done = 0;
  await inParallel(blobs, parallel, signal, async ([digest, size], under) => {
    const fetchBlob = async () => {
      if (!(await content.has(digest))) {
        const pieces = source.client.under(under).streamBlob(source.repository, digest);
        await content.ingestStream(pieces, { digest, size, what: `${digest} of ${source.repository}` });
      }
      await content.verify(digest);
    };
    const blob = { digest, size, content: { path: content.path(digest) } };
    const pushed = await target.client.under(under).pushBlob(target.repository, blob, {
      mountFrom: isSameRegistry ? source.repository : undefined,
      beforeSending: fetchBlob,
    });
    count(tally, pushed, size);
    progress.update(`copying ${source.digest}`, (done += size), total);
  });
}

async function putManifest(
  { client, repository, digest }: PublishedImage,
  { bytes, mediaType }: Manifest,
): Promise<void> {
  if ((await client.headManifest(repository, digest)) !== undefined) return;
  await client.putManifest(repository, digest, bytes, mediaType || manifestType);
}

/** Signatures and attestations in both layouts, of all keys, beside those that the target has already. */
async function copyAttached(source: PublishedImage, target: PublishedImage, tally: Tally): Promise<void> {
  for (const kind of ['sig', 'att'] as const) await copyAttachment(source, target, kind, tally);
  const bundles: Fetched[] = [];
  for (const found of await fetchBundles(source)) {
    const bundle = await wholeBundle(source, found);
    if (!bundle) continue;
    await pushBundle(target, bundle, tally);
    bundles.push(bundle);
  }
  if (bundles.length === 0) return;
  const referrers = bundles.map(({ manifest }) => ({ descriptor: describeBundle(manifest) }));
  await target.client.addReferrers(target.repository, target.digest, referrers);
}

async function copyAttachment(
  source: PublishedImage,
  target: PublishedImage,
  kind: AttachmentKind,
  tally: Tally,
): Promise<void> {
  const found = await fetchAttachment(source, kind);
  if (!found) return;
  const tag = attachmentTag(source.digest, kind);
  const layers = readAttached(found.manifest, tag).layers.map((descriptor) => {
    const bytes = found.blobs.get(descriptor.digest);
    if (bytes) return { descriptor, bytes };
    throw new MillinerError('IMAGE_ALTERED', `${tag} lacks its blob ${descriptor.digest}`);
  });
  const existing = await fetchAttachment(target, kind);
  await pushAttachment(
    target,
    mergeLayers(tag, layers, existing, () => false),
    tally,
  );
}

/** With its configuration. Undefined for a damaged bundle, which proves nothing and is not copied. */
async function wholeBundle(
  { client, repository }: PublishedImage,
  { manifest, blobs }: Fetched,
): Promise<Fetched | undefined> {
  let parsed;
  try {
    parsed = readAttached(manifest, 'a referrer');
  } catch (error) {
    if (error instanceof MillinerError) return undefined;
    throw error;
  }
  const { config, layers } = parsed;
  if (!config || config.size > maxConfigBytes || !layers.every(({ digest }) => blobs.has(digest)))
    return undefined;
  const bytes = await client.getBlob(repository, config.digest, config.size);
  return bytes && { manifest, blobs: new Map([...blobs, [config.digest, bytes]]) };
}

/** As a list of referrers shows it (OCI distribution specification, "Listing Referrers"). */
function describeBundle(manifest: Buffer): Descriptor {
  const { artifactType, annotations } = readAttached(manifest, 'a referrer');
  return {
    ...describe(manifestType, manifest, annotations),
    ...(artifactType !== undefined && { artifactType }),
  };
}
