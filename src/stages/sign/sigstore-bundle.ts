/**
 * Attestations in the format of cosign from version 3 on: a sigstore bundle v0.3 in an OCI artifact that refers to the
 * image (cosign, specs/BUNDLE_SPEC.md). Without a transparency log the bundle has no log entry.
 */
import { bundleFromJSON, bundleToJSON, toDSSEBundle, type Bundle } from '@sigstore/bundle';
import { z } from 'zod';
import type { Descriptor } from '../../lib/oci/descriptor.ts';
import {
  refuseAltered,
  blobOf,
  describe,
  isoTime,
  makeArtifact,
  readManifest,
  toJson,
  type Artifact,
  type AttachedManifest,
  type Fetched,
} from './artifact.ts';
import type { FoundEnvelope } from './attestation.ts';
import type { PublicKey } from './public-key.ts';
import type { Attestation, Envelope } from './statement.ts';
import { maxEnvelopeBytes, readJson } from './untrusted-json.ts';

export const bundleType = 'application/vnd.dev.sigstore.bundle.v0.3+json';
/** OCI image specification, manifest.md, "Guidelines for Artifact Usage". */
export const emptyConfig = { mediaType: 'application/vnd.oci.empty.v1+json', bytes: Buffer.from('{}') };
const contentAnnotation = 'dev.sigstore.bundle.content';
const predicateAnnotation = 'dev.sigstore.bundle.predicateType';

/** `epoch` is the image's, in seconds, so that the same bundle always has the same bytes. */
export function bundleArtifact(
  { predicateType, envelope }: Attestation,
  { key, subject, epoch }: { key: PublicKey; subject: Descriptor; epoch: number },
): Artifact {
  const bytes = bundleBytes(envelope, key);
  return makeArtifact({
    artifactType: bundleType,
    config: emptyConfig,
    layers: [{ descriptor: describe(bundleType, bytes), bytes }],
    subject,
    annotations: {
      [contentAnnotation]: 'dsse-envelope',
      [predicateAnnotation]: predicateType,
      'org.opencontainers.image.created': isoTime(epoch),
    },
  });
}

function bundleBytes(envelope: Envelope, key: PublicKey): Buffer {
  const bundle = toDSSEBundle({
    artifact: envelope.payload,
    artifactType: envelope.payloadType,
    signature: envelope.signatures[0]!,
    keyHint: key.hint,
  });
  // Empty, as in cosign: verifiers skip a signature with a key ID that they do not know.
  bundle.content.dsseEnvelope.signatures[0]!.keyid = '';
  return toJson(bundleToJSON(bundle));
}

/** The bundles among an image's referrers; an invalid one throws when it is read. */
export function bundledEnvelopes(referrers: readonly Fetched[]): FoundEnvelope[] {
  return referrers.flatMap((fetched, index) => {
    const name = `referrer ${index + 1} of ${referrers.length}`;
    let manifest: AttachedManifest;
    try {
      manifest = readManifest(fetched.manifest, name);
    } catch (error) {
      const fail = () => {
        throw error;
      };
      return [{ name, predicateType: undefined, read: fail }];
    }
    const layer = manifest.layers.find(({ mediaType }) => mediaType === bundleType);
    if (!layer) return [];
    const predicateType = manifest.annotations?.[predicateAnnotation];
    return [{ name, predicateType, read: () => readBundle(blobOf(fetched, layer, name), name) }];
  });
}

function readBundle(bytes: Buffer, name: string): Envelope {
  const refuse = refuseAltered(name);
  const data = readJson(bytes, z.record(z.string(), z.unknown()), refuse, maxEnvelopeBytes);
  let bundle: Bundle;
  try {
    bundle = bundleFromJSON(data);
  } catch (error) {
    // For an invalid message the library throws all kinds of errors.
    throw refuse(`is not a sigstore bundle: ${(error as Error).message.slice(0, 200)}`);
  }
  const { content, verificationMaterial } = bundle;
  if (content.$case !== 'dsseEnvelope') throw refuse('holds a signature of a file, not a statement');
  const { payload, payloadType, signatures } = content.dsseEnvelope;
  const { content: material } = verificationMaterial;
  return {
    payload,
    payloadType,
    signatures: signatures.map(({ sig }) => sig),
    keyHint: material.$case === 'publicKey' ? material.publicKey.hint : undefined,
  };
}
