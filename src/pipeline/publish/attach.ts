/**
 * Attaches signatures and attestations to an image in a repository, beside those that are there, in one layout or both.
 */
import { MillinerError } from '../../lib/errors/error.ts';
import { manifestType } from '../../lib/oci/descriptor.ts';
import { sha256Of, type Digest } from '../../lib/oci/digest.ts';
import type { Fetched } from '../../stages/sign/artifact.ts';
import type { Attachment } from '../../stages/sign/attachment.ts';
import { mergeAttestations } from '../../stages/sign/attestation.ts';
import type { PublicKey } from '../../stages/sign/public-key.ts';
import { isSameClaim } from '../../stages/sign/reference-claim.ts';
import type { SignedImage } from '../../stages/sign/sign-image.ts';
import { bundledEnvelopes } from '../../stages/sign/sigstore-bundle.ts';
import { mergeSignatures } from '../../stages/sign/simple-signing.ts';
import { openEnvelope, type Statement } from '../../stages/sign/statement.ts';
import {
  fetchAttachment,
  fetchBundles,
  type Layout,
  type PublishedImage,
} from '../trust/fetch-signatures.ts';
import { count, type Tally } from './push.ts';

/** Tags and digests of the attachments in the repository. */
export interface Attached {
  signatures: string[];
  attestations: string[];
}

/**
 * Keeps the signatures of others, replaces ours of the same kind, and writes nothing that is there already. The caller
 * holds the lock of the image. Throws IMAGE_ALTERED if an existing attachment cannot be read.
 */
export async function attach(
  image: PublishedImage,
  key: PublicKey,
  signed: SignedImage,
  layouts: readonly Layout[],
  tally: Tally,
): Promise<Attached> {
  const attached: Attached = { signatures: [], attestations: [] };
  for (const layout of layouts) {
    const added = await attachIn[layout](image, key, signed, tally);
    attached.signatures.push(...added.signatures);
    attached.attestations.push(...added.attestations);
  }
  return attached;
}

const attachIn: Record<Layout, typeof attachTags> = { sig: attachTags, bundle: attachBundles };

async function attachTags(
  image: PublishedImage,
  key: PublicKey,
  signed: SignedImage,
  tally: Tally,
): Promise<Attached> {
  const { digest } = image;
  const signatures = mergeSignatures(key, digest, signed.signatures, await fetchAttachment(image, 'sig'));
  const attestations = mergeAttestations(
    key,
    digest,
    signed.attestations,
    await fetchAttachment(image, 'att'),
  );
  const signing = signed.signatures.length > 0 ? [signatures] : [];
  for (const attachment of [...signing, attestations]) await pushAttachment(image, attachment, tally);
  return { signatures: signing.map(({ tag }) => tag), attestations: [attestations.tag] };
}

async function attachBundles(
  image: PublishedImage,
  key: PublicKey,
  signed: SignedImage,
  tally: Tally,
): Promise<Attached> {
  const older = await ownBundles(image, key);
  for (const bundle of signed.bundles) await pushBundle(image, bundle, tally);
  const referrers = signed.bundles.map((bundle) => ({
    descriptor: bundle.descriptor,
    superseded:
      older.length === 0 ? [] : openOwn(bundle, image.digest, key).flatMap((own) => supersededBy(own, older)),
  }));
  await image.client.addReferrers(image.repository, image.digest, referrers);
  const digests = signed.bundles.map(({ descriptor }) => descriptor.digest);
  const signatureCount = signed.signatures.length;
  return { signatures: digests.slice(0, signatureCount), attestations: digests.slice(signatureCount) };
}

/** Under its tag, if it is not there already. */
export async function pushAttachment(
  image: PublishedImage,
  attachment: Attachment,
  tally: Tally,
): Promise<void> {
  await pushBlobs(image, attachment, tally);
  await putOnce(image, attachment.tag, attachment.manifest);
}

/** By digest. The caller lists it as a referrer. */
export async function pushBundle(image: PublishedImage, bundle: Fetched, tally: Tally): Promise<void> {
  await pushBlobs(image, bundle, tally);
  await putOnce(image, sha256Of(bundle.manifest), bundle.manifest);
}

async function pushBlobs(
  { client, repository }: PublishedImage,
  { blobs }: Fetched,
  tally: Tally,
): Promise<void> {
  for (const [digest, bytes] of blobs) {
    const source = { digest: digest as Digest, size: bytes.length, content: { bytes } };
    count(tally, await client.pushBlob(repository, source), bytes.length);
  }
}

async function putOnce(
  { client, repository }: PublishedImage,
  reference: string,
  manifest: Buffer,
): Promise<void> {
  if ((await client.headManifest(repository, reference)) === sha256Of(manifest)) return;
  await client.putManifest(repository, reference, manifest, manifestType);
}

interface OwnBundle {
  digest: Digest;
  statement: Statement;
}

/** This key's bundles in the repository. A new verdict replaces an older one, when the image was booted again. */
async function ownBundles(image: PublishedImage, key: PublicKey): Promise<OwnBundle[]> {
  return (await fetchBundles(image)).flatMap((fetched) => openOwn(fetched, image.digest, key));
}

function openOwn(fetched: Fetched, digest: Digest, key: PublicKey): OwnBundle[] {
  return bundledEnvelopes([fetched]).flatMap((envelope) => {
    const statement = unlessRefused(() => openEnvelope({ key, digest }, envelope.read(), envelope.name));
    return statement ? [{ digest: sha256Of(fetched.manifest), statement }] : [];
  });
}

function supersededBy(bundle: OwnBundle, older: readonly OwnBundle[]): Digest[] {
  return older.filter((one) => isSameClaim(bundle.statement, one.statement)).map(({ digest }) => digest);
}

/** Undefined for a bundle of another key or a damaged one, which is not ours to replace. */
function unlessRefused(open: () => Statement): Statement | undefined {
  try {
    return open();
  } catch (error) {
    if (error instanceof MillinerError) return undefined;
    throw error;
  }
}
