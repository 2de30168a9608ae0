/** What the tags of a release name, and the images that another worker has built for it. */
import type { Digest } from '../lib/oci/digest.ts';
import { requireTagsMovable } from '../pipeline/publish/move-tags.ts';
import type { Manifested } from '../pipeline/publish/sign-at.ts';
import { indexOf, type ArchImage } from '../pipeline/publish/sign-index-at.ts';
import { openTargets, type Target } from '../pipeline/publish/targets.ts';
import { obtain, obtainBytes } from '../pipeline/state/blob-exchange.ts';
import { differsFromManifest } from '../pipeline/state/compare-manifest.ts';
import type { Context } from '../pipeline/state/context.ts';
import { invalid, parseRecord } from '../pipeline/state/received.ts';
import { readImage, type StoredImage } from '../pipeline/state/stored-image.ts';
import { hasZstdLayer } from '../stages/image/arch-index.ts';
import type { PublicKey } from '../stages/sign/public-key.ts';
import type { Built } from './claims.ts';
import type { StageJob } from './job.ts';
import { indexReferences, referencesOf } from './release-tags.ts';

export interface TaggedManifest {
  moved: Manifested;
  targets: Target[];
  /** The image itself, or those of an index. */
  images: Digest[];
}

/** What the tags of a release will name: images, each with tags of its own, and the index of all. */
export async function taggedManifests(
  context: Context,
  job: StageJob,
  archImages: readonly Omit<ArchImage, 'evidence'>[],
): Promise<TaggedManifest[]> {
  const tagged: TaggedManifest[] = [];
  for (const { arch, image } of archImages) {
    const targets = await targetsOf(context, job, referencesOf(job.data, arch));
    tagged.push({ moved: image, targets, images: [image.digest] });
  }
  const shared = await targetsOf(context, job, indexReferences(job.data));
  const images = archImages.map(({ image }) => image.digest);
  if (shared.length > 0) tagged.push({ moved: indexOf(archImages), targets: shared, images });
  return tagged.filter(({ targets }) => targets.length > 0);
}

/** One held tag stops all: a release moves its tags together. Throws as requireTagsMovable. */
export async function requireMovable(
  context: Context,
  key: PublicKey,
  tagged: readonly TaggedManifest[],
  options?: { isRecorded: boolean },
): Promise<void> {
  for (const { moved, targets } of tagged)
    for (const target of targets) await requireTagsMovable(context, target, key, moved, options);
}

/** Fetches manifest and configuration. Layers are fetched when a registry lacks them. */
export async function storedImage(
  context: Context,
  { data }: StageJob,
  { records, manifestDigest, manifestSize, hasZstd, arch }: Built,
): Promise<StoredImage> {
  const record = parseRecord(await obtainBytes(context, records.at(-1)!));
  if (record.manifestDigest !== manifestDigest)
    throw invalid('record of an image', `it is not of ${manifestDigest}`);
  // The images of one index are of one recipe, each for the architecture that the index gives it.
  if (record.name !== data.recipe || record.arch !== arch)
    throw invalid(
      'record of an image',
      `it is of ${record.name} for ${record.arch}, not of ${data.recipe} for ${arch}`,
    );
  await obtain(context, manifestDigest);
  await obtain(context, record.configDigest);
  const field = await differsFromManifest(context, record);
  if (field !== undefined)
    throw invalid('record of an image', `it has another ${field} than ${manifestDigest}`);
  const image = await readImage(context, record);
  if (image.manifest.length !== manifestSize)
    throw invalid(
      'record of an image',
      `its manifest has ${image.manifest.length} bytes, not ${manifestSize}`,
    );
  if (hasZstdLayer(image.layers) === hasZstd) return image;
  throw invalid('record of an image', 'its layers have another compression than the claim about it says');
}

function targetsOf(context: Context, job: StageJob, references: readonly string[]): Promise<Target[]> {
  const { plainHttp } = job.data;
  return openTargets(references, { ...context, plainHttp });
}
