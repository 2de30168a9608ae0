/**
 * What an image was proved by at a place: the digests of all that was read there, and the statements about its tags. They
 * are found by everything that the proof depends on besides the registry.
 */
import { join } from 'node:path';
import { z } from 'zod';
import { canonicalDigest, hexOf } from '../../lib/oci/digest.ts';
import { nothingRead } from '../../lib/registry/read-record.ts';
import type { PublicKey } from '../../stages/sign/public-key.ts';
import type { Context, StateContext } from '../state/context.ts';
import { JsonStore } from '../state/json-store.ts';
import { digestSchema } from '../state/received.ts';
import type { Layout } from '../trust/fetch-signatures.ts';
import { seenRevocations } from '../trust/seen-tags.ts';
import type { Attached } from './attach.ts';
import { verifyAt, type Signable, type Signing } from './sign-at.ts';
import type { Target } from './targets.ts';

/** Whose signatures an image has. */
export interface Signer {
  publicKey: PublicKey;
  layouts: readonly Layout[];
}

const provedSchema = z.object({
  read: z.object({
    manifests: z.record(z.string(), digestSchema.nullable()),
    blobs: z.record(z.string(), z.int().nonnegative()),
    referrers: z.record(z.string(), z.array(digestSchema)),
  }),
  attached: z.object({ signatures: z.array(z.string()), attestations: z.array(z.string()) }),
  standings: z.array(
    z.object({
      reference: z.string(),
      number: z.int(),
      issued: z.int(),
      expires: z.int(),
    }),
  ),
});
export type Proved = z.infer<typeof provedSchema>;

const provedIn = (state: string) =>
  new JsonStore(join(state, 'proved'), {
    what: 'what an image was proved by',
    schema: provedSchema,
    isCache: true,
  });

/** Everything that the result depends on besides the registry. A revocation that was seen since makes another name. */
async function nameOf(
  { state }: StateContext,
  what: Signable,
  { registry, repository, tags }: Target,
  { publicKey, layouts }: Signer,
): Promise<string> {
  const revocations = await seenRevocations(state, { key: publicKey.hint, of: what.digest });
  const references = tags.map(({ reference }) => reference);
  const claims = what.evidence ?? what.stackVerdict;
  const evidence = claims && canonicalDigest(claims);
  const { digest, isTagged } = what;
  const place = { registry, repository, references };
  return hexOf(
    canonicalDigest({ ...place, digest, isTagged, evidence, layouts, revocations, key: publicKey.hint }),
  );
}

/** Verifies the image or index there, and remembers what was read: the next run can tell whether anything has changed. */
export async function proveAt(
  context: Context,
  what: Signable,
  target: Target,
  signing: Signing,
  attached: Attached,
): Promise<void> {
  const read = nothingRead();
  const recording = { ...target, client: target.client.recording(read) };
  const standings = await verifyAt(context, what, recording, signing);
  const name = await nameOf(context, what, target, { ...signing, publicKey: signing.key.public });
  await provedIn(context.state).write(name, { read, attached, standings });
}

/** Undefined if this state has not proved the image there, or knows of another revocation since. */
export async function provedAt(
  context: StateContext,
  what: Signable,
  target: Target,
  signer: Signer,
): Promise<Proved | undefined> {
  return provedIn(context.state).read(await nameOf(context, what, target, signer));
}
