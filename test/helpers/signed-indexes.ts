/** Images without layers of their own, and indexes of them, signed as `publish` signs them. */
import { indexType, manifestType } from '../../src/lib/oci/descriptor.ts';
import { describe, toJson } from '../../src/stages/sign/artifact.ts';
import { mergeAttestations } from '../../src/stages/sign/attestation.ts';
import { signImage, signTags } from '../../src/stages/sign/sign-image.ts';
import { mergeSignatures } from '../../src/stages/sign/simple-signing.ts';
import type { Image, Shelf } from './signed-images.ts';

const epoch = 1_700_000_000;

/** For a platform; its digest is another for each word. */
export async function platformImage(
  shelf: Shelf,
  platform: object,
  word: string,
  references: string[],
): Promise<Image> {
  const config = toJson({
    ...platform,
    rootfs: { type: 'layers', diff_ids: [] },
    config: { Labels: { word } },
  });
  const layer = Buffer.from(word);
  const manifest = toJson({
    schemaVersion: 2,
    mediaType: manifestType,
    config: describe('application/vnd.oci.image.config.v1+json', config),
    layers: [describe('application/vnd.oci.image.layer.v1.tar', layer)],
  });
  const descriptor = describe(manifestType, manifest);
  const blobs = new Map([config, layer].map((bytes) => [describe('', bytes).digest, bytes]));
  await shelf.push(descriptor.digest, { manifest, blobs });
  return { descriptor, references };
}

/** Signs an image of an index. The last claim is the verdict. */
export async function signAll(
  shelf: Shelf,
  image: Image,
  recipe: string | undefined,
  claims: 'all' | 'unbooted' = 'all',
): Promise<void> {
  const input = shelf.signInput(image);
  const signed = signImage(shelf.key, {
    ...input,
    verdict: { ...input.verdict, ...(recipe !== undefined && { name: recipe }) },
  });
  const { digest } = image.descriptor;
  const count = claims === 'all' ? signed.bundles.length : signed.bundles.length - 1;
  await shelf.hang(image, {
    sig: mergeSignatures(shelf.key.public, digest, signed.signatures),
    att: mergeAttestations(shelf.key.public, digest, signed.attestations.slice(0, claims === 'all' ? 3 : 2)),
    bundles: signed.bundles.slice(0, count),
  });
}

/** Puts the index under the tag, and signs it for the tag. */
export async function signIndex(shelf: Shelf, tag: string, bytes: Buffer): Promise<void> {
  const index = describe(indexType, bytes);
  await shelf.client.putManifest(shelf.repository, tag, bytes, indexType);
  const references = [shelf.reference(tag)];
  const signed = signTags(shelf.key, { image: index, references, standings: [], epoch });
  await shelf.hang(
    { descriptor: index, references },
    {
      sig: mergeSignatures(shelf.key.public, index.digest, signed.signatures),
      att: mergeAttestations(shelf.key.public, index.digest, signed.attestations),
      bundles: signed.bundles,
    },
  );
}
