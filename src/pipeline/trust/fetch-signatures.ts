/** The signatures and attestations of an image, as a registry has them now. */
import { MillinerError } from '../../lib/errors/error.ts';
import type { Descriptor } from '../../lib/oci/descriptor.ts';
import type { Digest } from '../../lib/oci/digest.ts';
import { excess, ReadBudget } from '../../lib/registry/budget.ts';
import type { RegistryClient } from '../../lib/registry/client.ts';
import { readManifest, type Fetched } from '../../stages/sign/artifact.ts';
import { attachmentTag, type AttachmentKind } from '../../stages/sign/attachment.ts';
import { bundleType } from '../../stages/sign/sigstore-bundle.ts';
import { maxEnvelopeBytes } from '../../stages/sign/untrusted-json.ts';

/** `sig`: the tags that podman, skopeo and older cosigns read; `bundle`: the referrers that cosign 3 reads. */
export const layouts = ['sig', 'bundle'] as const;
export type Layout = (typeof layouts)[number];

export const layoutsOf = (only: Layout | undefined): readonly Layout[] =>
  only === undefined ? layouts : [only];

export interface PublishedImage {
  client: RegistryClient;
  repository: string;
  digest: Digest;
}

/**
 * Bytes of one blob, and of all blobs of one image: whoever may write to the repository decides how much there is. Two
 * signers who list as many files as we would, in both forms; and signatures, which list nothing.
 */
const bounds = {
  statements: { each: maxEnvelopeBytes, all: 4 * maxEnvelopeBytes },
  signatures: { each: 65_536, all: 4 * 1024 * 1024 },
};
/** Each is fetched, and its manifest kept: of a bundle that has a kilobyte. */
const mostReferrers = 1000;
const referrerBytes = 64 * 1024;
/** Bytes of all that one look at what hangs on an image takes: the lists, and the manifests in them. */
const manifestsOfAll = 16 * 1024 * 1024;
/** What cosign 2 calls its bundles in the index that it keeps for registries without the Referrers API. */
const emptyType = 'application/vnd.oci.empty.v1+json';

/** Undefined where the image has none. Throws IMAGE_ALTERED where the manifest is not what its digest says. */
export async function fetchAttachment(
  image: PublishedImage,
  kind: AttachmentKind,
  bound: keyof typeof bounds = kind === 'sig' ? 'signatures' : 'statements',
): Promise<Fetched | undefined> {
  const tag = attachmentTag(image.digest, kind);
  const found = await asAltered(() => image.client.findManifest(image.repository, tag));
  if (!found) return undefined;
  const { layers } = readManifest(found.bytes, tag);
  const { each, all } = bounds[bound];
  return { manifest: found.bytes, blobs: await fetchBlobs(image, layers, each, { left: all }) };
}

/**
 * What refers to the image as a sigstore bundle: with `signatures`, none that is larger than any of those. One that is
 * damaged is among them, for verification to say so. Throws REGISTRY_EXCESS.
 */
export async function fetchBundles(
  image: PublishedImage,
  kind: keyof typeof bounds = 'statements',
): Promise<Fetched[]> {
  const { repository, digest } = image;
  const client = image.client.within(new ReadBudget(manifestsOfAll, `what refers to ${digest} has`));
  const listed = (await client.referrers(repository, digest)).filter(
    ({ artifactType }) => artifactType === undefined || [bundleType, emptyType].includes(artifactType),
  );
  if (listed.length > mostReferrers) {
    throw excess(`${listed.length} bundles refer to ${digest}: no more than ${mostReferrers} are ever read`);
  }
  const { each, all } = bounds[kind];
  const budget = { left: all };
  const fetched: Fetched[] = [];
  for (const referrer of listed) {
    const ask = () => client.getManifest(repository, referrer.digest, referrerBytes);
    const found = referrer.size > referrerBytes ? undefined : await unlessBroken(ask);
    const manifest = found?.bytes ?? Buffer.alloc(0);
    const bundles = bundlesOf(manifest);
    if (kind === 'signatures' && bundles.some(({ size }) => size > each)) continue;
    fetched.push({ manifest, blobs: await fetchBlobs(image, bundles, each, budget) });
  }
  return fetched;
}

/** Whatever is not in the map when it is asked for is an altered image. */
async function fetchBlobs(
  { client, repository }: PublishedImage,
  layers: readonly Pick<Descriptor, 'digest' | 'size'>[],
  largest: number,
  budget: { left: number },
): Promise<Map<string, Buffer>> {
  const blobs = new Map<string, Buffer>();
  for (const { digest, size } of layers) {
    if (blobs.has(digest) || size > Math.min(largest, budget.left)) continue;
    const bytes = await unlessBroken(() => client.getBlob(repository, digest, size));
    if (!bytes) continue;
    budget.left -= bytes.length;
    blobs.set(digest, bytes);
  }
  return blobs;
}

/** What else refers to an image may be of any size, and is not fetched. */
function bundlesOf(manifest: Buffer): Pick<Descriptor, 'digest' | 'size'>[] {
  try {
    return readManifest(manifest, 'a referrer').layers.filter(({ mediaType }) => mediaType === bundleType);
  } catch (error) {
    if (error instanceof MillinerError) return [];
    throw error;
  }
}

/** A registry that has other bytes than their digest promises has been tampered with, or its disk is failing. */
export async function asAltered<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (!isBroken(error)) throw error;
    throw new MillinerError('IMAGE_ALTERED', error.message, { cause: error, details: error.details });
  }
}

async function unlessBroken<T>(ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask();
  } catch (error) {
    if (isBroken(error)) return undefined;
    throw error;
  }
}

/** The client names the digest that was not kept; other breaches of the protocol are what they are. */
function isBroken(error: unknown): error is MillinerError {
  return error instanceof MillinerError && error.code === 'REGISTRY_INVALID' && 'digest' in error.details;
}
