/** Attestations in the format of cosign before version 3: DSSE envelopes as layers of the image's `.att` tag. */
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
import { keyHintAnnotation } from './check-signature.ts';
import type { PublicKey } from './public-key.ts';
import { isSameClaim } from './reference-claim.ts';
import { openEnvelope, type Attestation, type Envelope } from './statement.ts';
import { maxEnvelopeBytes, readBase64, readJson, type Refuse } from './untrusted-json.ts';

const envelopeType = 'application/vnd.dsse.envelope.v1+json';
const predicateAnnotation = 'predicateType';

const envelopeSchema = z.object({
  payloadType: z.string(),
  payload: z.string(),
  signatures: z.array(z.object({ sig: z.string() })).max(100),
});

/** An envelope to be verified, with its origin. */
export interface FoundEnvelope {
  /** For messages. */
  name: string;
  /** The predicate type that its layer or bundle claims; the signed statement may differ. */
  predicateType: string | undefined;
  /** Throws IMAGE_ALTERED. */
  read(): Envelope;
}

export function attachedLayer({ predicateType, envelope }: Attestation, key: PublicKey): AttachedLayer {
  const bytes = toJson({
    payloadType: envelope.payloadType,
    payload: envelope.payload.toString('base64'),
    // Empty, as in cosign: verifiers skip a signature with a key ID that they do not know.
    signatures: envelope.signatures.map((signature) => ({ keyid: '', sig: signature.toString('base64') })),
  });
  const annotations = {
    [signatureAnnotation]: '',
    [predicateAnnotation]: predicateType,
    [keyHintAnnotation]: key.hint,
  };
  return { descriptor: describe(envelopeType, bytes, annotations), bytes };
}

/**
 * Keeps attestations of other keys and kinds, and replaces this key's of the same kind: an image that was booted again
 * has one verdict. Throws IMAGE_ALTERED if the existing manifest is invalid.
 */
export function mergeAttestations(
  key: PublicKey,
  image: Digest,
  own: readonly AttachedLayer[],
  existing?: Fetched,
): Attachment {
  const tag = attachmentTag(image, 'att');
  const open = (bytes: Buffer) =>
    openEnvelope({ key, digest: image }, readEnvelope(bytes, refuseAltered(tag)), tag);
  // Opening them is only worth it where there are older ones to replace.
  const claims = existing ? own.map(({ bytes }) => open(bytes)) : [];
  return mergeLayers(tag, own, existing, (_layer, bytes) => {
    if (!bytes) return false;
    try {
      const older = open(bytes);
      return claims.some((newer) => isSameClaim(newer, older));
    } catch (error) {
      if (error instanceof MillinerError) return false;
      throw error;
    }
  });
}

/** The kind of statement that a layer claims to be; only its signature proves it. */
export function claimedType({ annotations }: Descriptor): string | undefined {
  return annotations?.[predicateAnnotation];
}

/** Throws IMAGE_ALTERED if the manifest is invalid. */
export function attachedEnvelopes(image: Digest, fetched: Fetched | undefined): FoundEnvelope[] {
  return fetched ? layerEnvelopes(attachmentTag(image, 'att'), fetched) : [];
}

/** The envelopes in the layers of a manifest, in their order. Throws IMAGE_ALTERED if the manifest is invalid. */
export function layerEnvelopes(name: string, fetched: Fetched): FoundEnvelope[] {
  return readManifest(fetched.manifest, name).layers.map((layer) => ({
    name,
    predicateType: claimedType(layer),
    read: () => ({
      ...readEnvelope(blobOf(fetched, layer, name), refuseAltered(name)),
      keyHint: layer.annotations?.[keyHintAnnotation],
    }),
  }));
}

function readEnvelope(bytes: Buffer, refuse: Refuse): Envelope {
  const { payloadType, payload, signatures } = readJson(bytes, envelopeSchema, refuse, maxEnvelopeBytes);
  const decode = (text: string) => {
    const decoded = readBase64(text);
    if (!decoded) throw refuse('holds malformed base64');
    return decoded;
  };
  return { payloadType, payload: decode(payload), signatures: signatures.map(({ sig }) => decode(sig)) };
}
