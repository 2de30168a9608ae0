/** The work of the stages after the boot: signing the images at their targets, then moving the tags. */
import { MillinerError } from '../lib/errors/error.ts';
import { moveAllTags, rememberMoves } from '../pipeline/publish/move-tags.ts';
import { inTurn } from '../pipeline/publish/publish.ts';
import { imageSignedBefore, indexSignedBefore } from '../pipeline/publish/nothing-to-sign.ts';
import { signImageAt, type SignedAt } from '../pipeline/publish/sign-image-at.ts';
import type { Recognised } from '../pipeline/publish/signed-before.ts';
import { addTo, nothingSigned, signIndexAt, type ArchImage } from '../pipeline/publish/sign-index-at.ts';
import { obtainBytes } from '../pipeline/state/blob-exchange.ts';
import type { Context } from '../pipeline/state/context.ts';
import { writeIndexRecord } from '../pipeline/state/index-records.ts';
import { parseVerdict } from '../pipeline/state/received-verdict.ts';
import { layoutsOf } from '../pipeline/trust/fetch-signatures.ts';
import { requirePassed } from '../stages/boot/verdict.ts';
import { readPublicKey } from '../stages/sign/public-key.ts';
import type { Built } from './claims.ts';
import type { StageJob } from './job.ts';
import { openKey } from './keyring.ts';
import { tagsOf } from './release-tags.ts';
import type { Grants, Results } from './stage-work.ts';
import { requireMovable, storedImage, taggedManifests, type TaggedManifest } from './tagged-manifests.ts';

/** Each image for the tags of its own, then all of them with their index for the tags that they share. */
export async function sign(context: Context, job: StageJob, grants: Grants): Promise<Results['sign']> {
  const { signer } = grants;
  if (!signer) {
    throw new MillinerError('PASSWORD_MISSING', `this worker cannot sign with the key ${job.data.key}`);
  }
  const publicKey = readPublicKey(signer.publicKey, signer.path);
  const archImages: ArchImage[] = [];
  for (const built of job.images) archImages.push(await archImageOf(context, job, built));
  const tagged = await taggedManifests(context, job, archImages);
  const recognised = { publicKey, layouts: layoutsOf(job.data.only) };
  const { moves: _, ...signed } =
    (await allSignedBefore(context, tagged, archImages, recognised)) ??
    (await signAll(context, job, tagged, archImages, grants));
  return { ...signed, publicKey: publicKey.pem };
}

async function allSignedBefore(
  context: Context,
  tagged: readonly TaggedManifest[],
  archImages: readonly ArchImage[],
  recognised: Recognised,
): Promise<SignedAt | undefined> {
  const sum = nothingSigned();
  for (const { moved, targets, images } of tagged) {
    const own = archImages.find(({ image }) => image === moved);
    const there = await inTurn(context, images, () =>
      own
        ? imageSignedBefore(context, own.image, own.evidence, targets, recognised)
        : indexSignedBefore(context, archImages, targets, recognised),
    );
    if (!there) return undefined;
    addTo(sum, there);
  }
  return sum;
}

async function signAll(
  context: Context,
  job: StageJob,
  tagged: readonly TaggedManifest[],
  archImages: readonly ArchImage[],
  { acquireLease, requestPassword, signer }: Grants,
): Promise<SignedAt> {
  const password = await requestPassword();
  if (password === undefined) throw new MillinerError('PASSWORD_MISSING', 'the worker has no password');
  const key = await openKey({ id: job.data.key, path: signer!.path }, password);
  const signing = { key, layouts: layoutsOf(job.data.only) };
  await requireMovable(context, key.public, tagged);
  const sum = nothingSigned();
  for (const { moved, targets, images } of tagged) {
    const own = archImages.find(({ image }) => image === moved);
    const signOnce = () =>
      own
        ? signImageAt(context, own.image, own.evidence, targets, signing, { acquireLease })
        : signIndexAt(context, archImages, targets, signing, acquireLease);
    const again = retryOverwritten(context, signOnce);
    addTo(sum, await inTurn(context, images, () => signOnce().catch(again)));
  }
  return sum;
}

/** The image and what is stated of it, if it has booted here or on an enrolled machine. Throws IMAGE_UNBOOTED. */
async function archImageOf(context: Context, job: StageJob, built: Built): Promise<ArchImage> {
  const image = await storedImage(context, job, built);
  const evidence = {
    sboms: built.sboms,
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
  const key = readPublicKey(job.publicKey!, 'the public key of the signature claim');
  const archImages: Omit<ArchImage, 'evidence'>[] = [];
  for (const built of job.images)
    archImages.push({ arch: built.arch, image: await storedImage(context, job, built) });
  const tagged = await taggedManifests(context, job, archImages);
  // A hold, a rollback or a promotion can have come after the images were signed.
  await requireMovable(context, key, tagged, { isRecorded: true });
  for (const { moved, targets, images } of tagged) {
    if (images.length > 1) await writeIndexRecord(context.state, { digest: moved.digest, images });
    const options = { acquireLease, images, unlessHeldBy: key };
    await inTurn(context, images, () => moveAllTags(context, moved, targets, options));
    for (const target of targets) await rememberMoves(context, target, key);
  }
  return { tags: tagsOf(job.data, job.images) };
}
