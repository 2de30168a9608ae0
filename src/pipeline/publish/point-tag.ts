/**
 * Points a tag to an image or an index that is in the repository already, for `rollback` and `promote`: states what the
 * tag names, signs the reference, records the move, and moves the tag. Nothing is built and no layer is sent.
 */
import { indexType, manifestType } from '../../lib/oci/descriptor.ts';
import type { Digest } from '../../lib/oci/digest.ts';
import { readImageIndex, type IndexedImage } from '../../lib/oci/image-index.ts';
import type { Manifest } from '../../lib/registry/manifests.ts';
import { signTags } from '../../stages/sign/sign-image.ts';
import type { RunOptions } from '../state/context.ts';
import type { Layout } from '../trust/fetch-signatures.ts';
import type { FoundImage } from '../trust/image-source.ts';
import { proveFound } from '../trust/prove-found.ts';
import { statedOf, type Stated, type StandingOptions } from '../trust/standings.ts';
import type { DecideMove } from './append-move.ts';
import { attach, type Attached } from './attach.ts';
import { confirmMoves, moveTags, recordMoves, rememberTags } from './move-tags.ts';
import { defaultLife, nextStandings } from './next-standings.ts';
import { unlimitedLease } from './publish-lease.ts';
import { standingOptions, type Signing } from './sign-at.ts';
import type { Target } from './targets.ts';

type Run = Pick<RunOptions, 'state' | 'progress' | 'signal'>;

/**
 * Checks that the key has signed what was found under the reference, and has not revoked it: an image with its bills of
 * materials and a passed verdict, or an index with all of its images. Throws IMAGE_REVOKED, SIGNATURE_MISSING and the
 * others of `bySeverity`, INDEX_INVALID.
 */
export async function requireProofs(
  found: FoundImage,
  reference: string,
  layouts: readonly Layout[],
  options: StandingOptions,
): Promise<Stated> {
  const { client, repository, manifest } = found;
  const stated = await statedOf({ client, repository, digest: manifest.digest }, layouts, options);
  const { revokedVerdicts } = stated;
  const expected = { layouts, allowUnnamed: false, revokedVerdicts, reference, arch: undefined };
  await proveFound(found, expected, options);
  return stated;
}

/**
 * The caller has verified the image, and holds the locks of `signedWith`. After an interruption at any point the tag points to the old image or to the new
 * one, and the same call again finishes. Throws TAG_HELD and HISTORY_ALTERED before the tag moves.
 */
export async function pointTag(
  run: Run,
  target: Target,
  manifest: Manifest,
  signing: Signing,
  decide: (reference: string) => DecideMove,
): Promise<Attached> {
  const { client, repository, tags } = target;
  const { digest, bytes } = manifest;
  const mediaType = manifest.mediaType || manifestType;
  const { key, layouts, life = defaultLife } = signing;
  const place = { client, repository, digest };
  const options = standingOptions(run, signing);
  const references = tags.map(({ reference }) => reference);
  const standings = await nextStandings(place, target, life, options);
  const epoch = Math.max(0, ...standings.map(({ issued }) => issued));
  const tally = { uploadedBytes: 0, mountedBlobs: 0, skippedBlobs: 0 };
  // podman asks the image that it picks from an index for the signature, too.
  for (const image of imagesIn(manifest)) {
    const signed = signTags(key, { image, references, standings: [], epoch });
    await attach({ client, repository, digest: image.digest }, key.public, signed, layouts, tally);
  }
  const image = { mediaType, digest, size: bytes.length };
  const signed = signTags(key, { image, references, standings, epoch });
  const attached = await attach(place, key.public, signed, layouts, tally);
  for (const reference of references) {
    // The tag has not moved yet, so the state must not remember this statement.
    const found = { client, repository, manifest };
    await requireProofs(found, reference, layouts, { ...options, state: undefined });
  }
  const moves = await recordMoves(run, target, key, decide);
  const moved = { digest, mediaType, manifest: bytes };
  await moveTags(run, moved, target, unlimitedLease);
  await confirmMoves(run, target, key, moves);
  await rememberTags(run, moved, target, signing);
  return attached;
}

/** What gets a signature with the tag: the image, or the index and its images. */
export function signedWith(manifest: Manifest): Digest[] {
  return [manifest.digest, ...imagesIn(manifest).map(({ digest }) => digest)];
}

/** The images of an index; none if the manifest is of one image. */
export function imagesIn({ digest, mediaType, bytes }: Manifest): IndexedImage[] {
  return mediaType === indexType ? readImageIndex(digest, bytes) : [];
}
