/** The work of the stages after the boot: signing the images at their targets, then moving the tags. */
import { MillinerError } from '../lib/errors/error.ts';
import { moveAllTags } from '../pipeline/publish/move-tags.ts';
import { inTurn } from '../pipeline/publish/publish.ts';
import { signImageAt } from '../pipeline/publish/sign-image-at.ts';
import {
  addTo,
  indexOf,
  nothingSigned,
  signIndexAt,
  type ArchImage,
} from '../pipeline/publish/sign-index-at.ts';
import { openTargets, type Target } from '../pipeline/publish/targets.ts';
import { obtain, obtainBytes } from '../pipeline/state/blob-exchange.ts';
import { differsFromManifest } from '../pipeline/state/compare-manifest.ts';
import type { Context } from '../pipeline/state/context.ts';
import { writeIndexRecord } from '../pipeline/state/index-records.ts';
import { parseVerdict } from '../pipeline/state/received-verdict.ts';
import { invalid, parseRecord, parseSboms } from '../pipeline/state/received.ts';
import { readImage, type StoredImage } from '../pipeline/state/stored-image.ts';
import { layoutsOf } from '../pipeline/trust/fetch-signatures.ts';
import { requirePassed } from '../stages/boot/verdict.ts';
import type { Built } from './claims.ts';
import type { StageJob } from './job.ts';
import { openKey } from './keyring.ts';
import { indexReferences, referencesOf, tagsOf } from './release-tags.ts';
import type { Grants, Results } from './stage-work.ts';

/** Each image for the tags of its own, then all of them with their index for the tags that they share. */
export async function sign(
  context: Context,
  job: StageJob,
  { acquireLease, password, keyPath: path }: Grants,
): Promise<Results['sign']> {
  if (path === undefined || password === undefined) {
    throw new MillinerError('PASSWORD_MISSING', `this worker cannot sign with the key ${job.data.key}`);
  }
  const key = await openKey({ id: job.data.key, path }, password);
  const signing = { key, layouts: layoutsOf(job.data.only) };
  const sum = nothingSigned();
  const archImages: ArchImage[] = [];
  for (const built of job.images) archImages.push(await archImageOf(context, job, built));
  for (const { arch, image, evidence } of archImages) {
    const targets = await targetsOf(context, job, referencesOf(job.data, arch));
    if (targets.length === 0) continue;
    const signOnce = () => signImageAt(context, image, evidence, targets, signing, { acquireLease });
    const again = retryOverwritten(context, signOnce);
    addTo(sum, await inTurn(context, [image.digest], () => signOnce().catch(again)));
  }
  const shared = await targetsOf(context, job, indexReferences(job.data));
  if (shared.length > 0) {
    const signOnce = () => signIndexAt(context, archImages, shared, signing, acquireLease);
    const again = retryOverwritten(context, signOnce);
    const digests = archImages.map(({ image }) => image.digest);
    addTo(sum, await inTurn(context, digests, () => signOnce().catch(again)));
  }
  const { moves: _, ...signed } = sum;
  return signed;
}

/** The image and what is stated of it, if it has booted here or on an enrolled machine. Throws IMAGE_UNBOOTED. */
async function archImageOf(context: Context, job: StageJob, built: Built): Promise<ArchImage> {
  const image = await storedImage(context, job, built);
  const evidence = {
    sboms: parseSboms(await obtainBytes(context, built.sboms)),
    verdict: parseVerdict(await obtainBytes(context, built.verdict)),
  };
  requirePassed(evidence.verdict, { name: image.name, manifestDigest: built.manifestDigest });
  return { arch: built.arch, image, evidence };
}

/**
 * Retries once when another signer has overwritten what we attached. A registry has no compare-and-set for the
 * attachments of an image; reading them back shows the loss.
 */
function retryOverwritten<T>({ progress }: Context, again: () => Promise<T>): (error: unknown) => Promise<T> {
  return (error) => {
    const overwritten = ['SIGNATURE_MISSING', 'VERDICT_MISSING', 'IMAGE_ALTERED'];
    if (!(error instanceof MillinerError) || !overwritten.includes(error.code)) throw error;
    progress.warn(`${error.message}: once more`);
    return again();
  };
}

export async function publish(
  context: Context,
  job: StageJob,
  { acquireLease }: Grants,
): Promise<Results['publish']> {
  const archImages: Omit<ArchImage, 'evidence'>[] = [];
  for (const built of job.images)
    archImages.push({ arch: built.arch, image: await storedImage(context, job, built) });
  for (const { arch, image } of archImages) {
    const targets = await targetsOf(context, job, referencesOf(job.data, arch));
    await inTurn(context, [image.digest], () => moveAllTags(context, image, targets, { acquireLease }));
  }
  const shared = await targetsOf(context, job, indexReferences(job.data));
  if (shared.length > 0) {
    const digests = archImages.map(({ image }) => image.digest);
    const index = indexOf(archImages);
    await writeIndexRecord(context.state, { digest: index.digest, images: digests });
    await inTurn(context, digests, () =>
      moveAllTags(context, index, shared, { acquireLease, images: digests }),
    );
  }
  return { tags: tagsOf(job.data, job.images) };
}

/** Fetches manifest and configuration. Layers are fetched when a registry lacks them. */
async function storedImage(
  context: Context,
  { data }: StageJob,
  { records, manifestDigest, manifestSize, arch }: Built,
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
  if (image.manifest.length === manifestSize) return image;
  throw invalid('record of an image', `its manifest has ${image.manifest.length} bytes, not ${manifestSize}`);
}

function targetsOf(context: Context, job: StageJob, references: readonly string[]): Promise<Target[]> {
  const { plainHttp } = job.data;
  return openTargets(references, { ...context, plainHttp });
}
