/**
 * The tags of a release, and what each names: with {{arch}} the image for that architecture, without it the index of
 * all images, or the one image of a release for a single architecture.
 */
import type { Digest } from '../lib/oci/digest.ts';
import { archIndex, type ArchImage } from '../stages/image/arch-index.ts';

interface ReleaseTag {
  reference: string;
  manifestDigest: Digest;
}

interface Wanted {
  to: readonly string[];
  arches: readonly string[];
}

const hole = '{{arch}}';

/** The references that name the image for this architecture. */
export function referencesOf({ to, arches }: Wanted, arch: string): string[] {
  const own = arches.length === 1 ? [...to] : to.filter((one) => one.includes(hole));
  return own.map((one) => one.replaceAll(hole, arch));
}

/** The references that name the index of all architectures. */
export function indexReferences({ to, arches }: Wanted): string[] {
  return arches.length === 1 ? [] : to.filter((one) => !one.includes(hole));
}

export function allReferences(release: Wanted): string[] {
  return [...release.arches.flatMap((arch) => referencesOf(release, arch)), ...indexReferences(release)];
}

/** All tags of a release, each with the digest of what it names. */
export function tagsOf(release: Wanted, images: readonly ArchImage[]): ReleaseTag[] {
  const own = images.flatMap(({ arch, manifestDigest }) =>
    referencesOf(release, arch).map((reference) => ({ reference, manifestDigest })),
  );
  const index = indexReferences(release);
  if (index.length === 0) return own;
  const { digest } = archIndex(images);
  return [...own, ...index.map((reference) => ({ reference, manifestDigest: digest }))];
}

/** The digests that a signer signs for a release. */
export function signedDigests(release: Wanted, images: readonly ArchImage[]): Digest[] {
  const index = indexReferences(release).length > 0 ? [archIndex(images).digest] : [];
  return [...images.map(({ manifestDigest }) => manifestDigest), ...index];
}
