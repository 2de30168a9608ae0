/**
 * Signs the images of one recipe for several architectures at every target, then the index that names them. No tag
 * moves: an architecture that fails leaves each tag where it was.
 */
import type { ImageIndex } from '../../lib/oci/image-index.ts';
import { archIndex, hasZstdLayer } from '../../stages/image/arch-index.ts';
import type { Context } from '../state/context.ts';
import type { StoredImage } from '../state/stored-image.ts';
import { layouts } from '../trust/fetch-signatures.ts';
import { statedOf } from '../trust/standings.ts';
import type { Attached } from './attach.ts';
import { proveAt } from './proved-places.ts';
import { unlimitedLease, withLease } from './publish-lease.ts';
import { publication, recordMoves, requireTagsMovable } from './move-tags.ts';
import {
  attachedNames,
  manifestAt,
  signAt,
  standingOptions,
  type Evidence,
  type Manifested,
  type Signing,
} from './sign-at.ts';
import { signImageAt, type SignedAt } from './sign-image-at.ts';
import type { Target } from './targets.ts';

export interface ArchImage {
  arch: string;
  image: StoredImage;
  evidence: Evidence;
}

/** The index of these images, ready to be pushed. The same images give the same index. Throws INDEX_INVALID. */
export function indexOf(archImages: readonly Omit<ArchImage, 'evidence'>[]): Manifested {
  const images = archImages.map(({ arch, image: { digest, manifest, layers } }) => ({
    arch,
    manifestDigest: digest,
    manifestSize: manifest.length,
    hasZstd: hasZstdLayer(layers),
  }));
  const { bytes, digest, mediaType }: ImageIndex = archIndex(images);
  const epoch = Math.max(...archImages.map(({ image }) => image.epoch));
  const { name, lock, content } = archImages[0]!.image;
  return { name, digest, mediaType, manifest: bytes, epoch, lock, content };
}

/** Throws as signImageAt does. */
export async function signIndexAt(
  context: Context,
  archImages: readonly ArchImage[],
  targets: Target[],
  signing: Signing,
  acquireLease = unlimitedLease,
): Promise<SignedAt> {
  const { progress } = context;
  const what = { ...indexOf(archImages), isTagged: true };
  const signed = nothingSigned();
  const attached: Attached[] = [];
  for (const target of targets) await requireTagsMovable(context, target, signing.key.public, what);
  for (const { image, evidence, arch } of archImages) {
    progress.step(`${image.name} for ${arch}: ${image.digest}`);
    const options = { acquireLease, isTagged: false };
    addTo(signed, await signImageAt(context, image, evidence, targets, signing, options));
  }
  for (const target of targets) {
    const place = `${target.registry}/${target.repository}`;
    progress.step(`signing the index of ${what.name} at ${place}`);
    await statedOf(manifestAt(what, target), layouts, standingOptions(context, signing));
    const sign = async (within: Target) => {
      await putIndex(what, within);
      return signAt(context, what, within, signing, signed);
    };
    const added = await withLease(context, acquireLease, target, sign);
    attached.push(added);
    const { signatures, attestations } = attachedNames(target, added);
    signed.signatures.push(...signatures);
    signed.attestations.push(...attestations);
  }
  for (const [index, target] of targets.entries()) {
    progress.step(`verifying the index of ${what.name} at ${target.registry}/${target.repository}`);
    await proveAt(context, what, target, signing, attached[index]!);
  }
  for (const target of targets) {
    const record = (within: Target) => recordMoves(context, within, signing.key, publication(what));
    signed.moves.push(...(await withLease(context, acquireLease, target, record)));
  }
  return signed;
}

async function putIndex(
  { digest, manifest, mediaType }: Manifested,
  { client, repository }: Target,
): Promise<void> {
  if ((await client.headManifest(repository, digest)) !== undefined) return;
  await client.putManifest(repository, digest, manifest, mediaType);
}

export function nothingSigned(): SignedAt {
  const tally = { uploadedBytes: 0, mountedBlobs: 0, skippedBlobs: 0 };
  return { signatures: [], attestations: [], ...tally, moves: [] };
}

export function addTo(sum: SignedAt, added: SignedAt): void {
  sum.moves.push(...added.moves);
  sum.signatures.push(...added.signatures);
  sum.attestations.push(...added.attestations);
  for (const count of ['uploadedBytes', 'mountedBlobs', 'skippedBlobs'] as const) sum[count] += added[count];
}
