/** For a run that changes nothing: an image or an index that is at all its places as it was proved there. */
import { inParallel } from '../../lib/host/parallel.ts';
import type { Context } from '../state/context.ts';
import type { BlobDescriptor, StoredImage } from '../state/stored-image.ts';
import type { Evidence, Signable } from './sign-at.ts';
import type { SignedAt } from './sign-image-at.ts';
import { addTo, indexOf, nothingSigned, type ArchImage } from './sign-index-at.ts';
import { signedBefore, type Recognised } from './signed-before.ts';
import type { Target } from './targets.ts';

/** Places that are looked at together. */
const parallel = 4;

/** What signImageAt would return; undefined if there is anything to sign. */
export async function imageSignedBefore(
  context: Context,
  image: StoredImage,
  evidence: Evidence,
  targets: readonly Target[],
  recognised: Recognised,
  { isTagged = true } = {},
): Promise<SignedAt | undefined> {
  const what = { ...image, evidence, isTagged };
  return atAll(context, what, targets, [...image.layers, image.config], recognised);
}

/** What signIndexAt would return; undefined if there is anything to sign. */
export async function indexSignedBefore(
  context: Context,
  archImages: readonly ArchImage[],
  targets: readonly Target[],
  recognised: Recognised,
): Promise<SignedAt | undefined> {
  const sum = await atAll(context, { ...indexOf(archImages), isTagged: true }, targets, [], recognised);
  for (const { image, evidence } of sum ? archImages : []) {
    const own = await imageSignedBefore(context, image, evidence, targets, recognised, { isTagged: false });
    if (!own) return undefined;
    addTo(sum!, own);
  }
  return sum;
}

async function atAll(
  context: Context,
  what: Signable,
  targets: readonly Target[],
  blobs: readonly BlobDescriptor[],
  recognised: Recognised,
): Promise<SignedAt | undefined> {
  const sum = nothingSigned();
  const found = await inParallel(targets, parallel, context.signal, (target) =>
    signedBefore(context, what, target, blobs, recognised),
  );
  for (const attached of found) {
    if (!attached) return undefined;
    addTo(sum, { ...nothingSigned(), ...attached, skippedBlobs: blobs.length });
  }
  context.progress.step(`${what.name} is signed where it goes: nothing has changed`);
  return sum;
}
