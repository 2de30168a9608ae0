/** Pushes an image to every target by digest, signs it, and verifies it there. No tag moves. */
import type { Context } from '../state/context.ts';
import type { StoredImage } from '../state/stored-image.ts';
import { layouts } from '../trust/fetch-signatures.ts';
import { statedOf } from '../trust/standings.ts';
import type { Attached } from './attach.ts';
import { unlimitedLease, withLease } from './lease.ts';
import { pushImage, type Tally } from './push.ts';
import {
  attachedNames,
  differs,
  manifestAt,
  signAt,
  standingOptions,
  verifyAt,
  type Evidence,
  type Signing,
} from './sign-at.ts';
import type { Target } from './targets.ts';

/** Throws IMAGE_REVOKED, what registries throw, and what verification throws. */
export async function signImageAt(
  context: Context,
  image: StoredImage,
  evidence: Evidence,
  targets: Target[],
  signing: Signing,
  { acquireLease = unlimitedLease, isTagged = true } = {},
): Promise<Attached & Tally> {
  const { progress } = context;
  const tally: Tally = { uploadedBytes: 0, mountedBlobs: 0, skippedBlobs: 0 };
  const attached: Attached = { signatures: [], attestations: [] };
  const what = { ...image, evidence, isTagged };
  for (const { client } of targets) await client.ping();
  for (const [index, target] of targets.entries()) {
    const place = `${target.registry}/${target.repository}`;
    progress.step(`pushing ${image.name} to ${place}`);
    await statedOf(manifestAt(image, target), layouts, standingOptions(context, signing));
    const before = targets.slice(0, index).filter(({ registry }) => registry === target.registry);
    const siblings = before.map(({ repository }) => repository);
    await pushImage(context, image, target, siblings, tally);
    progress.step(`signing ${image.name} at ${place}`);
    const sign = (within: Target) => signAt(context, what, within, signing, tally);
    const added = attachedNames(target, await withLease(context, acquireLease, target, sign));
    attached.signatures.push(...added.signatures);
    attached.attestations.push(...added.attestations);
  }
  for (const target of targets) {
    progress.step(`verifying ${image.name} at ${target.registry}/${target.repository}`);
    await requireBlobs(image, target);
    await verifyAt(context, what, target, signing);
  }
  return { ...attached, ...tally };
}

async function requireBlobs({ config, layers }: StoredImage, target: Target): Promise<void> {
  const { client, repository } = target;
  const found = await client.getBlob(repository, config.digest, config.size);
  if (found?.length !== config.size) throw differs(target, config.digest);
  for (const { digest, size } of layers) {
    const blob = await client.hasBlob(repository, digest);
    if (blob === undefined || (blob.size ?? size) !== size) throw differs(target, digest);
  }
}
