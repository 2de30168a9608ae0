/**
 * Attachments of cosign before version 3: a manifest under the tag `sha256-HEX.sig` or `.att`, with one layer for each
 * signature or attestation (cosign, specs/SIGNATURE_SPEC.md). All signers of an image share this manifest, so layers of
 * others are kept.
 */
import { manifestType, type Descriptor } from '../../lib/oci/descriptor.ts';
import { isDigest, tagOf, type Digest } from '../../lib/oci/digest.ts';
import {
  refuseAltered,
  describe,
  makeArtifact,
  maxLayers,
  readManifest,
  toJson,
  type Artifact,
  type Fetched,
} from './artifact.ts';

export interface Attachment extends Artifact {
  tag: string;
  /** False if the registry already has everything; the manifest is then returned unchanged. */
  changed: boolean;
}

export interface AttachedLayer {
  descriptor: Descriptor;
  bytes: Buffer;
}

export type AttachmentKind = 'sig' | 'att';

const configType = 'application/vnd.oci.image.config.v1+json';
/** Present and empty in an attestation's layer, because the envelope has its own signature. */
export const signatureAnnotation = 'dev.cosignproject.cosign/signature';

export function attachmentTag(image: Digest, kind: AttachmentKind): string {
  return `${tagOf(image)}.${kind}`;
}

/** Tags that clients derive from digests. An image under such a tag would be taken for a signature. */
const derivedTag = /^sha256-([0-9a-f]{64})(?:\.|$)/;
/** The index of referrers, and cosign's signatures, attestations and bills of materials. */
const attachmentEndings = ['', '.sig', '.att', '.sbom'];

export function isDerivedTag(tag: string): boolean {
  return derivedTag.test(tag);
}

/** The image that a tag of attachments is about. Tags with other endings may be derived from other digests. */
export function attachedTo(tag: string): Digest | undefined {
  const digest = `sha256:${derivedTag.exec(tag)?.[1] ?? ''}`;
  if (!isDigest(digest)) return undefined;
  return attachmentEndings.includes(tag.slice(tagOf(digest).length)) ? digest : undefined;
}

/** `supersedes` tells whether one of the new layers replaces an existing one. Throws IMAGE_ALTERED. */
export function mergeLayers(
  tag: string,
  own: readonly AttachedLayer[],
  existing: Fetched | undefined,
  supersedes: (layer: Descriptor, bytes: Buffer | undefined) => boolean,
): Attachment {
  const found: Descriptor[] = existing ? readManifest(existing.manifest, tag).layers : [];
  const retained = found.filter(
    (layer, index) =>
      !found.slice(0, index).some((earlier) => isSame(earlier, layer)) &&
      (own.some(({ descriptor }) => isSame(descriptor, layer)) ||
        !supersedes(layer, existing?.blobs.get(layer.digest))),
  );
  const missing = own.filter(({ descriptor }) => !retained.some((layer) => isSame(layer, descriptor)));
  if (retained.length + missing.length > maxLayers) {
    throw refuseAltered(tag)(
      `holds ${retained.length} signatures already: no more than ${maxLayers} are ever read`,
    );
  }
  const changed = existing === undefined || missing.length > 0 || retained.length < found.length;
  const made = makeAttachment([
    ...retained.map((descriptor) => ({
      descriptor,
      bytes: own.find((layer) => layer.descriptor.digest === descriptor.digest)?.bytes,
    })),
    ...missing,
  ]);
  if (changed) return { ...made, tag, changed };
  const { manifest } = existing;
  return { descriptor: describe(manifestType, manifest), manifest, blobs: made.blobs, tag, changed };
}

function isSame(one: Descriptor, other: Descriptor): boolean {
  const signature = ({ annotations }: Descriptor) => annotations?.[signatureAnnotation];
  return one.digest === other.digest && signature(one) === signature(other);
}

function makeAttachment(layers: { descriptor: Descriptor; bytes?: Buffer | undefined }[]): Artifact {
  // The same bytes as cosign makes, time included, so the result does not depend on who wrote last.
  const never = '0001-01-01T00:00:00Z';
  const config = toJson({
    architecture: '',
    created: never,
    history: layers.map(() => ({ created: never })),
    os: '',
    rootfs: { type: 'layers', diff_ids: layers.map(({ descriptor }) => descriptor.digest) },
    config: {},
  });
  return makeArtifact({ config: { mediaType: configType, bytes: config }, layers });
}
