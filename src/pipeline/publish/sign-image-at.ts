/** Pushes an image to every target by digest, signs it, and verifies it there. No tag moves. */
import { inParallel } from '../../lib/host/parallel.ts';
import type { RecordedMove } from '../../stages/sign/tag-move.ts';
import type { Context } from '../state/context.ts';
import type { StoredImage } from '../state/stored-image.ts';
import { layouts } from '../trust/fetch-signatures.ts';
import { statedOf } from '../trust/standings.ts';
import type { Attached } from './attach.ts';
import { proveAt } from './proved-places.ts';
import { unlimitedLease, withLease } from './publish-lease.ts';
import { publication, recordMoves, requireTagsMovable } from './move-tags.ts';
import { pushImage, type Tally } from './push.ts';
import {
  attachedNames,
  differs,
  manifestAt,
  signAt,
  standingOptions,
  type Evidence,
  type Signing,
} from './sign-at.ts';
import type { Target } from './targets.ts';

export interface SignedAt extends Attached, Tally {
  /** Records of the tags' moves, which have yet to be made. */
  moves: RecordedMove[];
}

/** A tag's move is recorded last. Throws TAG_HELD before anything is pushed, IMAGE_REVOKED, what registries throw, and what verification throws. */
export async function signImageAt(
  context: Context,
  image: StoredImage,
  evidence: Evidence,
  targets: Target[],
  signing: Signing,
  { acquireLease = unlimitedLease, isTagged = true } = {},
): Promise<SignedAt> {
  const { progress } = context;
  const tally: Tally = { uploadedBytes: 0, mountedBlobs: 0, skippedBlobs: 0 };
  const attached: Attached[] = [];
  const what = { ...image, evidence, isTagged };
  for (const target of targets) {
    await target.client.ping();
    if (isTagged) await requireTagsMovable(context, target, signing.key.public, image);
  }
  for (const [index, target] of targets.entries()) {
    const place = `${target.registry}/${target.repository}`;
    progress.step(`pushing ${image.name} to ${place}`);
    await statedOf(manifestAt(image, target), layouts, standingOptions(context, signing));
    const before = targets.slice(0, index).filter(({ registry }) => registry === target.registry);
    const siblings = before.map(({ repository }) => repository);
    await pushImage(context, image, target, siblings, tally);
    progress.step(`signing ${image.name} at ${place}`);
    const sign = (within: Target) => signAt(context, what, within, signing, tally);
    attached.push(await withLease(context, acquireLease, target, sign));
  }
  for (const [index, target] of targets.entries()) {
    progress.step(`verifying ${image.name} at ${target.registry}/${target.repository}`);
    await requireBlobs(context, image, target);
    await proveAt(context, what, target, signing, attached[index]!);
  }
  const moves: RecordedMove[] = [];
  for (const target of isTagged ? targets : []) {
    const record = (within: Target) => recordMoves(context, within, signing.key, publication(image));
    moves.push(...(await withLease(context, acquireLease, target, record)));
  }
  const shown = targets.map((target, index) => attachedNames(target, attached[index]!));
  return {
    signatures: shown.flatMap(({ signatures }) => signatures),
    attestations: shown.flatMap(({ attestations }) => attestations),
    ...tally,
    moves,
  };
}

/** Questions at once: enough to use the connection, and few enough for the limits of a registry. */
const parallel = 8;

async function requireBlobs(
  { signal }: Context,
  { config, layers }: StoredImage,
  target: Target,
): Promise<void> {
  const { client, repository } = target;
  const found = await client.getBlob(repository, config.digest, config.size);
  if (found?.length !== config.size) throw differs(target, config.digest);
  await inParallel(layers, parallel, signal, async ({ digest, size }) => {
    const blob = await client.hasBlob(repository, digest);
    if (blob === undefined || (blob.size ?? size) !== size) throw differs(target, digest);
  });
}
