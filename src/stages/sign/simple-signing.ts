/**
 * "Simple signing" in cosign's format (containers/image, docs/containers-signature.5.md; cosign,
 * specs/SIGNATURE_SPEC.md), which podman, skopeo, CRI-O, bootc and older versions of cosign verify.
 */
import { z } from 'zod';
import { MillinerError } from '../../lib/errors/error.ts';
import type { Descriptor } from '../../lib/oci/descriptor.ts';
import type { Digest } from '../../lib/oci/digest.ts';
import { refuseAltered, blobOf, describe, readManifest, toJson, type Fetched } from './artifact.ts';
import {
  attachmentTag,
  mergeLayers,
  signatureAnnotation,
  type AttachedLayer,
  type Attachment,
} from './attachment.ts';
import { keyHintAnnotation, isSignatureValid } from './check-signature.ts';
import { firstValid, wrongKey } from './failure-order.ts';
import { printable, requireIdentity, type ExpectedIdentity } from './identity.ts';
import type { SigningKey } from './key.ts';
import type { PublicKey } from './public-key.ts';
import { readBase64, readJson } from './untrusted-json.ts';

const simpleSigningType = 'application/vnd.dev.cosign.simplesigning.v1+json';
const signatureType = 'cosign container image signature';

const payloadSchema = z.object({
  critical: z.object({
    identity: z.object({ 'docker-reference': z.string() }),
    image: z.object({ 'docker-manifest-digest': z.string() }),
    type: z.literal(signatureType),
  }),
});

/**
 * One signature for each reference, REGISTRY/REPOSITORY:TAG. The tag is part of it, because the clients' default policy
 * checks the pulled reference, and a signature for the repository alone would be valid for any tag.
 */
export function signReference(key: SigningKey, image: Digest, reference: string): AttachedLayer {
  const bytes = toJson({
    critical: {
      identity: { 'docker-reference': reference },
      image: { 'docker-manifest-digest': image },
      type: signatureType,
    },
    optional: null,
  });
  const annotations = {
    [signatureAnnotation]: key.sign(bytes).toString('base64'),
    [keyHintAnnotation]: key.public.hint,
  };
  return { descriptor: describe(simpleSigningType, bytes, annotations), bytes };
}

/**
 * Keeps signatures of other keys and for other references. Throws IMAGE_ALTERED if the existing manifest is invalid.
 */
export function mergeSignatures(
  key: PublicKey,
  image: Digest,
  own: readonly AttachedLayer[],
  existing?: Fetched,
): Attachment {
  return mergeLayers(attachmentTag(image, 'sig'), own, existing, (layer) => {
    const same = own.find(({ descriptor }) => descriptor.digest === layer.digest);
    const signature = readBase64(layer.annotations?.[signatureAnnotation] ?? '');
    return same !== undefined && signature !== undefined && isSignatureValid(key, same.bytes, signature);
  });
}

export interface ExpectedImage {
  key: PublicKey;
  digest: Digest;
}

export interface ExpectedReference extends ExpectedImage, ExpectedIdentity {}

/**
 * Returns the signed reference, if one signature is by this key, of this digest, and for `reference`. Throws
 * SIGNATURE_MISSING, SIGNATURE_WRONG_KEY, SIGNED_ELSEWHERE, IMAGE_ALTERED.
 */
export function verifySignatures(expected: ExpectedReference, fetched: Fetched | undefined): string {
  const name = attachmentTag(expected.digest, 'sig');
  const layers = fetched ? readManifest(fetched.manifest, name).layers : [];
  return firstValid(
    layers,
    (layer) => verifyLayer(expected, layer, blobOf(fetched!, layer, name), name),
    () => new MillinerError('SIGNATURE_MISSING', `${expected.reference} has no signature at ${name}`),
  );
}

function verifyLayer(
  { key, digest, ...expected }: ExpectedReference,
  { mediaType, annotations }: Descriptor,
  bytes: Buffer,
  name: string,
): string {
  const refuse = refuseAltered(name);
  if (mediaType !== simpleSigningType) throw refuse(`holds ${JSON.stringify(mediaType)} for a signature`);
  const signature = readBase64(annotations?.[signatureAnnotation] ?? '');
  if (!signature || signature.length === 0) throw refuse('holds a payload without a readable signature');
  if (!isSignatureValid(key, bytes, signature)) {
    if (annotations?.[keyHintAnnotation] !== key.hint) throw wrongKey(name);
    throw refuse('holds a signature of this key that does not fit its payload');
  }
  const { identity, image } = readJson(bytes, payloadSchema, refuse).critical;
  if (image['docker-manifest-digest'] !== digest) {
    throw refuse(`signs another image: ${printable(image['docker-manifest-digest'])}`);
  }
  return requireIdentity(identity['docker-reference'], expected, name);
}
