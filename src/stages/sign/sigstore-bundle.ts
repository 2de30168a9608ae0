/**
 * Attestations as cosign from version 3 on stores them: a sigstore bundle v0.3 in an OCI artifact that refers to the
 * image (cosign, specs/BUNDLE_SPEC.md). The key signs without a transparency log, so that the bundle holds no entry.
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
const emptyConfig = { mediaType: 'application/vnd.oci.empty.v1+json', bytes: Buffer.from('{}') };
const contentAnnotation = 'dev.sigstore.bundle.content';
const predicateAnnotation = 'dev.sigstore.bundle.predicateType';

/** `epoch`, in seconds, is the image's: a bundle made anew is the same bytes. */
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
  // A key id that a verifier does not know makes it pass over the signature; cosign leaves it empty.
  bundle.content.dsseEnvelope.signatures[0]!.keyid = '';
  return toJson(bundleToJSON(bundle));
}

/** The bundles among an image's referrers; one that cannot be read says so when it is examined. */
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
    // Of what has another shape than the protocol buffers, the library throws whatever its reading ends in.
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
