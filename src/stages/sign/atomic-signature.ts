/**
 * "Simple signing" before cosign (containers/image, docs/containers-signature.5.md): an OpenPGP message that contains
 * the image's digest and reference. Red Hat and Fedora sign so; Milliner only verifies it.
 */
import { z } from 'zod';
import type { Digest } from '../../lib/oci/digest.ts';
import { refuseAltered } from './artifact.ts';
import { printable, requireIdentity, type ExpectedIdentity } from './identity.ts';
import { readJson } from './untrusted-json.ts';

/** Strict, as in podman: a signature must not contain fields whose meaning a later version may define. */
const contentSchema = z.strictObject({
  critical: z.strictObject({
    type: z.literal('atomic container signature'),
    image: z.strictObject({ 'docker-manifest-digest': z.string() }),
    identity: z.strictObject({ 'docker-reference': z.string() }),
  }),
  optional: z.looseObject({ creator: z.string().optional(), timestamp: z.int().optional() }),
});

/** Signatures in formats other than OpenPGP are skipped, as in podman. */
export function isOpenPgpMessage(bytes: Uint8Array): boolean {
  return ((bytes[0] ?? 0) & 0x80) !== 0;
}

/** The reference that was signed. `content` was verified with the key. Throws IMAGE_ALTERED, SIGNED_ELSEWHERE. */
export function readAtomicSignature(
  content: Buffer,
  { digest, ...expected }: ExpectedIdentity & { digest: Digest },
  name: string,
): string {
  const refuse = refuseAltered(name);
  const { image, identity } = readJson(content, contentSchema, refuse).critical;
  if (image['docker-manifest-digest'] !== digest) {
    throw refuse(`signs another image: ${printable(image['docker-manifest-digest'])}`);
  }
  return requireIdentity(identity['docker-reference'], expected, name);
}
