/** Fetches the signatures and attestations of an image from its registry. */
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
 * Bytes of one blob, and of all blobs of one image. Without a bound, an account with write access to the repository
 * could make us download any amount. There is room for two signers with bills of materials of our maximum size in both
 * layouts, and for signatures, which are small.
 */
const bounds = {
  statements: { each: maxEnvelopeBytes, all: 4 * maxEnvelopeBytes },
  signatures: { each: 65_536, all: 4 * 1024 * 1024 },
};
/** Each referrer costs a request and a manifest in memory; that of a bundle has about a kilobyte. */
const maxReferrers = 1000;
const maxReferrerBytes = 64 * 1024;
/** Bytes of all lists and manifests read for the referrers of one image. */
const maxManifestBytes = 16 * 1024 * 1024;
/** The artifact type that cosign 2 gives its bundles in the fallback index for registries without the Referrers API. */
const emptyType = 'application/vnd.oci.empty.v1+json';

/**
 * Undefined if the image has none. Blobs of layers that are not wanted are left out. Throws IMAGE_ALTERED if the manifest
 * does not match its digest.
 */
export async function fetchAttachment(
  image: PublishedImage,
  kind: AttachmentKind,
  bound: keyof typeof bounds = kind === 'sig' ? 'signatures' : 'statements',
  isWanted: (layer: Descriptor) => boolean = () => true,
): Promise<Fetched | undefined> {
  const tag = attachmentTag(image.digest, kind);
  const found = await asAltered(() => image.client.findManifest(image.repository, tag));
  if (!found) return undefined;
  const { layers } = readManifest(found.bytes, tag);
  const { each, all } = bounds[bound];
  const wanted = layers.filter(isWanted);
  return { manifest: found.bytes, blobs: await fetchBlobs(image, wanted, each, { left: all }) };
}

/**
 * The sigstore bundles that refer to the image; with `signatures`, only those small enough to be one. Damaged bundles
 * are returned too, for the verification to report. Throws REGISTRY_EXCESS.
 */
export async function fetchBundles(
  image: PublishedImage,
  kind: keyof typeof bounds = 'statements',
): Promise<Fetched[]> {
  const { repository, digest } = image;
  const client = image.client.within(new ReadBudget(maxManifestBytes, `what refers to ${digest} has`));
  const listed = (await client.referrers(repository, digest)).filter(
    ({ artifactType }) => artifactType === undefined || [bundleType, emptyType].includes(artifactType),
  );
  if (listed.length > maxReferrers) {
    throw excess(`${listed.length} bundles refer to ${digest}: no more than ${maxReferrers} are ever read`);
  }
  const { each, all } = bounds[kind];
  const budget = { left: all };
  const fetched: Fetched[] = [];
  for (const referrer of listed) {
    const ask = () => client.getManifest(repository, referrer.digest, maxReferrerBytes);
    const found = referrer.size > maxReferrerBytes ? undefined : await unlessBroken(ask);
    const manifest = found?.bytes ?? Buffer.alloc(0);
    const bundles = bundlesOf(manifest);
    if (kind === 'signatures' && bundles.some(({ size }) => size > each)) continue;
    fetched.push({ manifest, blobs: await fetchBlobs(image, bundles, each, budget) });
  }
  return fetched;
}

/**
 * Blobs that are missing, damaged or too large are left out. Verification treats a missing blob as an altered image.
 */
async function fetchBlobs(
  { client, repository }: PublishedImage,
  layers: readonly Pick<Descriptor, 'digest' | 'size'>[],
  maxBytes: number,
  budget: { left: number },
): Promise<Map<string, Buffer>> {
  const blobs = new Map<string, Buffer>();
  for (const { digest, size } of layers) {
    if (blobs.has(digest) || size > Math.min(maxBytes, budget.left)) continue;
    const bytes = await unlessBroken(() => client.getBlob(repository, digest, size));
    if (!bytes) continue;
    budget.left -= bytes.length;
    blobs.set(digest, bytes);
  }
  return blobs;
}

/** Other referrers may be of any size, and are not fetched. */
function bundlesOf(manifest: Buffer): Pick<Descriptor, 'digest' | 'size'>[] {
  try {
    return readManifest(manifest, 'a referrer').layers.filter(({ mediaType }) => mediaType === bundleType);
  } catch (error) {
    if (error instanceof MillinerError) return [];
    throw error;
  }
}

/** Bytes that do not match their digest mean tampering or a failing disk. Throws IMAGE_ALTERED for them. */
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

/** The client puts the digest into the details of a mismatch alone; other breaches of the protocol have none. */
function isBroken(error: unknown): error is MillinerError {
  return error instanceof MillinerError && error.code === 'REGISTRY_INVALID' && 'digest' in error.details;
}
