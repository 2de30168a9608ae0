/** For `revoke`: attaches a signed revocation to an image in a registry, for the image or for its verdicts. */
import { MillinerError } from '../../lib/errors/error.ts';
import { manifestType } from '../../lib/oci/descriptor.ts';
import type { Digest } from '../../lib/oci/digest.ts';
import { RegistryClient } from '../../lib/registry/client.ts';
import { completeReference } from '../../lib/registry/pull-sources.ts';
import { parseReference, showReference, wantedTag } from '../../lib/registry/reference.ts';
import { attachedEnvelopes, attachedLayer } from '../../stages/sign/attestation.ts';
import { readPrivateKey, type SigningKey } from '../../stages/sign/key.ts';
import { attestRevocation, revocationsOf, type Revocation } from '../../stages/sign/revocation.ts';
import { bundleArtifact, bundledEnvelopes } from '../../stages/sign/sigstore-bundle.ts';
import { validStatements } from '../../stages/sign/standing.ts';
import { predicateTypes } from '../../stages/sign/statement.ts';
import type { RunOptions } from '../state/context.ts';
import { fetchAttachment, fetchBundles, type PublishedImage } from '../trust/fetch-signatures.ts';
import { readKeyText } from '../trust/signer-key.ts';
import { rememberOwnRevocation } from '../trust/standings.ts';
import { attach, type Attached } from './attach.ts';
import { withImageLocks } from './publish-lease.ts';

export interface RevokeOptions {
  /** REGISTRY/REPOSITORY with a tag or a digest. */
  reference: string;
  /** Path of the private key. */
  key: string;
  password: () => Promise<string>;
  reason: string;
  /** Revoke the verdicts that the image has now, but not the image. */
  verdict: boolean;
  plainHttp: boolean;
}

export interface Revoked extends Attached {
  reference: string;
  manifestDigest: Digest;
  /** Digests of the revoked verdicts; absent if the image is revoked. */
  verdicts?: string[];
}

/** Seconds since 1970: creation time in the manifest of the revocation, which is a new one each time anyway. */
const epoch = 0;

/** Throws IMAGE_UNPUBLISHED, VERDICT_MISSING, KEY_FILE_INVALID, IMAGE_ALTERED, and what registries throw. */
export async function revoke(
  { reference: text, key: path, password, reason, verdict, plainHttp }: RevokeOptions,
  { state, progress, signal }: Pick<RunOptions, 'state' | 'progress' | 'signal'>,
): Promise<Revoked> {
  const parsed = parseReference(completeReference(text));
  const { registry, repository } = parsed;
  const tell = (sentence: string) => progress.warn(sentence);
  const client = await RegistryClient.open({
    registry,
    repository,
    plainHttp,
    pushes: true,
    report: tell,
    signal,
  });
  const reference = showReference(parsed);
  const found = await client.getManifest(repository, parsed.digest ?? wantedTag(parsed)!);
  if (!found) throw new MillinerError('IMAGE_UNPUBLISHED', `${registry} has no ${reference}`);
  const image = { client, repository, digest: found.digest };
  const key = await readPrivateKey(await readKeyText(path), await password(), path);
  const verdicts = verdict ? await verdictsOn(image, key) : undefined;
  const revocation = { ...(verdicts && { verdicts }), reason, time: Math.floor(Date.now() / 1000) };
  progress.step(`revoking ${verdict ? 'the verdicts of ' : ''}${image.digest} at ${registry}/${repository}`);
  const subject = {
    mediaType: found.mediaType || manifestType,
    digest: found.digest,
    size: found.bytes.length,
  };
  const attestation = attestRevocation(key, image.digest, revocation);
  const signed = {
    signatures: [],
    attestations: [attachedLayer(attestation, key.public)],
    bundles: [bundleArtifact(attestation, { key: key.public, subject, epoch })],
  };
  const tally = { uploadedBytes: 0, mountedBlobs: 0, skippedBlobs: 0 };
  const attached = await withImageLocks({ state, progress, signal }, [image.digest], () =>
    attach(image, key.public, signed, ['sig', 'bundle'], tally),
  );
  await requireThere(image, key, revocation);
  await rememberOwnRevocation(state, image.digest, revocation, { key: key.public, warn: tell });
  return { reference, manifestDigest: image.digest, ...(verdicts && { verdicts }), ...attached };
}

async function envelopesOn(image: PublishedImage) {
  return {
    sig: attachedEnvelopes(image.digest, await fetchAttachment(image, 'att')),
    bundle: bundledEnvelopes(await fetchBundles(image)),
  };
}

/** Throws VERDICT_MISSING. */
async function verdictsOn(image: PublishedImage, key: SigningKey): Promise<string[]> {
  const { sig, bundle } = await envelopesOn(image);
  const statements = validStatements({ key: key.public, digest: image.digest }, [...sig, ...bundle]);
  const verdicts = statements.filter(({ predicateType }) => predicateType === predicateTypes.verdict);
  if (verdicts.length > 0) return [...new Set(verdicts.map(({ digest }) => digest))].toSorted();
  throw new MillinerError('VERDICT_MISSING', `${image.digest} has no verdict of this key to revoke`);
}

/** Checks that a client can read the revocation. Throws REGISTRY_INVALID. */
async function requireThere(image: PublishedImage, key: SigningKey, { reason, time }: Revocation) {
  const expected = { key: key.public, digest: image.digest };
  for (const [layout, envelopes] of Object.entries(await envelopesOn(image))) {
    const found = revocationsOf(expected, envelopes);
    if (found.some((one) => one.reason === reason && one.time === time)) continue;
    throw new MillinerError('REGISTRY_INVALID', `the registry does not return the revocation (${layout})`, {
      details: { digest: image.digest, layout },
    });
  }
}
