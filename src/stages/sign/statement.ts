/**
 * Attestations: an in-toto statement (https://github.com/in-toto/attestation, spec/v1/statement.md) about one image,
 * signed in a DSSE envelope (https://github.com/secure-systems-lab/dsse). Signed once, and stored in both layouts.
 */
import { dsse } from '@sigstore/core';
import { z } from 'zod';
import { sha256Of, type Digest } from '../../lib/oci/digest.ts';
import { refuseAltered, toJson } from './artifact.ts';
import { isSignatureValid } from './check-signature.ts';
import { wrongKey } from './failure-order.ts';
import type { SigningKey } from './key.ts';
import type { PublicKey } from './public-key.ts';
import { readJson } from './untrusted-json.ts';

/** Types of statements; in cosign the first three are `cosign sign`, --type spdxjson and cyclonedx. */
export const predicateTypes = {
  signature: 'https://sigstore.dev/cosign/sign/v1',
  spdx: 'https://spdx.dev/Document',
  cyclonedx: 'https://cyclonedx.org/bom',
  verdict: 'https://in-toto.io/attestation/test-result/v0.1',
  /** Milliner's own: the image that a tag names now, records of its moves, and revocations. */
  standing: 'https://milliner.io/attestation/tag/v1',
  move: 'https://milliner.io/attestation/tag-move/v1',
  revocation: 'https://milliner.io/attestation/revocation/v1',
} as const;

export const payloadType = 'application/vnd.in-toto+json';
const statementTypes = ['https://in-toto.io/Statement/v1', 'https://in-toto.io/Statement/v0.1'] as const;

export interface Envelope {
  payload: Buffer;
  payloadType: string;
  signatures: Buffer[];
  /** The hint of its key: stored beside it, and not signed. */
  keyHint?: string | undefined;
}

export interface Attestation {
  predicateType: string;
  envelope: Envelope;
}

const statementSchema = z.object({
  _type: z.enum(statementTypes),
  predicateType: z.string(),
  subject: z.array(z.object({ name: z.string().nullish(), digest: z.record(z.string(), z.string()) })),
  // cosign omits an empty one.
  predicate: z.unknown().optional(),
});

export interface Statement {
  predicateType: string;
  predicate: unknown;
  /** Digest of the signed bytes, by which other statements refer to it. */
  digest: Digest;
  /** The image's name in the statement. */
  subjectName?: string | undefined;
}

/**
 * The subject has no name, because a statement about an image is valid wherever it is published. Only a signature is
 * for a reference.
 */
export function attest(
  key: SigningKey,
  image: Digest,
  predicateType: string,
  predicate: object,
): Attestation {
  const payload = toJson({
    _type: statementTypes[0],
    subject: [{ digest: { sha256: image.slice('sha256:'.length) } }],
    predicateType,
    predicate,
  });
  const signature = key.sign(dsse.preAuthEncoding(payloadType, payload));
  return { predicateType, envelope: { payload, payloadType, signatures: [signature] } };
}

/** A statement with the sha256 digests of its subjects. */
export interface SignedStatement extends Statement {
  subjects: { digest: string | undefined; name: string | undefined }[];
}

/** Verifies that the envelope is by this key. Throws SIGNATURE_WRONG_KEY, IMAGE_ALTERED. */
export function openSigned(key: PublicKey, envelope: Envelope, name: string): SignedStatement {
  const refuse = refuseAltered(name);
  const content = dsse.preAuthEncoding(envelope.payloadType, envelope.payload);
  if (!envelope.signatures.some((signature) => isSignatureValid(key, content, signature))) {
    if (envelope.keyHint !== key.hint) throw wrongKey(name);
    throw refuse('is not what this key signed');
  }
  if (envelope.payloadType !== payloadType) throw refuse('holds something other than a statement');
  const { subject, predicateType, predicate } = readJson(envelope.payload, statementSchema, refuse);
  const subjects = subject.map((one) => ({
    digest: one.digest['sha256'],
    name: one.name ?? undefined,
  }));
  return { predicateType, predicate, digest: sha256Of(envelope.payload), subjects };
}

/**
 * Verifies that the envelope is by this key and about this image, and returns the statement. Throws
 * SIGNATURE_WRONG_KEY, IMAGE_ALTERED.
 */
export function openEnvelope(
  { key, digest }: { key: PublicKey; digest: Digest },
  envelope: Envelope,
  name: string,
): Statement {
  const { subjects, ...statement } = openSigned(key, envelope, name);
  const hex = digest.slice('sha256:'.length);
  const subjectOfImage = subjects.find((one) => one.digest === hex);
  if (!subjectOfImage) throw refuseAltered(name)('is about another image');
  return { ...statement, subjectName: subjectOfImage.name };
}
