/**
 * Finds out that an image is signed and proved at a place already, so that nothing has to be signed, sent or read back.
 * While the registry has what was read when the image was proved, the proof would have the same result.
 */
import { MillinerError } from '../../lib/errors/error.ts';
import type { Digest } from '../../lib/oci/digest.ts';
import { isThereStill } from '../../lib/registry/still-there.ts';
import type { StateContext } from '../state/context.ts';
import type { BlobDescriptor } from '../state/stored-image.ts';
import { seenTag } from '../trust/seen-tags.ts';
import { newestPage } from '../trust/tag-history.ts';
import type { Attached } from './attach.ts';
import { placesIn } from './move-tags.ts';
import { defaultLife, isInForce } from './next-standings.ts';
import { provedAt, type Proved, type Signer } from './proved-places.ts';
import { attachedNames, type Signable } from './sign-at.ts';
import type { Target } from './targets.ts';

/** Of a Signing, what is needed to recognise its result. */
export interface Recognised extends Signer {
  life?: number | undefined;
}

/**
 * Names of the attachments, if nothing has changed since the image was proved there: every tag names it, as its history
 * says, and each statement is in force. Undefined if something has changed, or if this state has not proved it.
 */
export async function signedBefore(
  context: StateContext,
  what: Signable,
  target: Target,
  blobs: readonly BlobDescriptor[],
  recognised: Recognised,
): Promise<Attached | undefined> {
  const proved = await provedAt(context, what, target, recognised);
  if (!proved || !(await areInForce(context, what, proved, recognised))) return undefined;
  const sizes = Object.fromEntries(blobs.map(({ digest, size }) => [digest, size]));
  const { client, repository, tags } = target;
  const tagManifests = what.isTagged ? Object.fromEntries(tags.map(({ tag }) => [tag, what.digest])) : {};
  const { manifests, blobs: read, referrers } = proved.read;
  const all = {
    manifests: { ...manifests, ...tagManifests, [what.digest]: what.digest },
    blobs: { ...read, ...sizes },
    referrers,
  };
  const isSame = await unlessInvalid(() => isThereStill(client, repository, all, context.signal));
  if (!isSame || (what.isTagged && !(await isRecorded(context, what.digest, target, recognised))))
    return undefined;
  return attachedNames(target, proved.attached);
}

async function areInForce(
  { state }: StateContext,
  { digest, isTagged }: Signable,
  { standings }: Proved,
  { publicKey, life = defaultLife }: Recognised,
): Promise<boolean> {
  for (const standing of isTagged ? standings : []) {
    const seen = await seenTag(state, { key: publicKey.hint, of: standing.reference });
    if (!isInForce(standing, { digest, former: -1, seen, life })) return false;
  }
  return true;
}

/** Whether the newest record of each tag is that of the image. Throws HISTORY_ALTERED. */
async function isRecorded(
  { state, progress }: StateContext,
  digest: Digest,
  target: Target,
  { publicKey: key }: Recognised,
): Promise<boolean> {
  const options = { state, key, warn: (sentence: string) => progress.warn(sentence) };
  for (const place of placesIn(target)) {
    if ((await newestPage(place, options))?.latest.to !== digest) return false;
  }
  return true;
}

/** What breaks the protocol is reported where the image is proved. */
async function unlessInvalid(ask: () => Promise<boolean>): Promise<boolean> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof MillinerError && ['REGISTRY_INVALID', 'REGISTRY_EXCESS'].includes(error.code))
      return false;
    throw error;
  }
}
