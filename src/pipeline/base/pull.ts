/**
 * Pulls a base from a registry into the content store. It is found by its tag or the digest in the lock; then its
 * signature is verified, and each blob checked against its digest.
 */
import { stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { MillinerError } from '../../lib/errors/error.ts';
import { inParallel } from '../../lib/host/parallel.ts';
import type { Digest } from '../../lib/oci/digest.ts';
import { parseReference, wantedTag, taggedReference } from '../../lib/registry/reference.ts';
import {
  chooseManifest,
  readConfig,
  readManifest,
  type ForeignConfig,
} from '../../stages/image/foreign-image.ts';
import type { LockedImage } from '../../stages/lock/lock-file.ts';
import type { BaseSource } from '../../stages/recipe/base-source.ts';
import type { Context } from '../state/context.ts';
import { asAltered, layouts } from '../trust/fetch-signatures.ts';
import { verifySigned, type ForeignImage } from '../trust/image-signature.ts';
import { findImage, type FoundImage } from '../trust/image-source.ts';
import { pemKeys, type SignerKey } from '../trust/signer-key.ts';
import { requireCurrent, statedOf, type Stated } from '../trust/standings.ts';

export type ImageSource = Extract<BaseSource, { kind: 'image' }>;

export interface PulledImage extends ForeignConfig {
  /** Digest of the manifest. */
  digest: Digest;
  configDigest: Digest;
  index?: Digest;
  /** Ids of the recipe's keys that have signed it: sigstore's hints, OpenPGP fingerprints. */
  signedBy: string[];
  /** Ids of the keys for which only a bundle without a reference was found. */
  signedUnnamedBy: string[];
}

/** Enough to use the bandwidth, and few enough for the limits of a registry. */
const parallel = 3;
const maxConfigBytes = 8 * 1024 * 1024;
/** Compressed bytes of all layers together. */
const maxImageBytes = 64 * 1024 ** 3;

/**
 * Throws OFFLINE_MISSING, IMAGE_UNPUBLISHED, BASE_INVALID, what registries throw, SIGNATURE_MISSING,
 * SIGNATURE_WRONG_KEY, IMAGE_ALTERED. No layer is fetched before these checks.
 */
export async function pullImage(
  context: Context,
  { reference, keys, unnamed, expired }: Omit<ImageSource, 'kind' | 'keys'> & { keys: readonly SignerKey[] },
  arch: string,
  pinned: Pick<LockedImage, 'digest' | 'index'> | undefined,
): Promise<PulledImage> {
  const { progress, offline } = context;
  if (offline) {
    throw new MillinerError(
      'OFFLINE_MISSING',
      `${reference} is not in the state in the form that is needed`,
      {
        details: { missing: reference },
      },
    );
  }
  progress.step(`pulling ${reference}`);
  const { client, repository, manifest, index } = await findManifest(context, reference, arch, pinned);
  const { digest } = manifest;
  const { signal } = context;
  const parsed = parseReference(reference);
  const digests = [digest, ...(index ? [index] : [])];
  const allowUnnamed = unnamed || parsed.digest !== undefined;
  const asked = { reference: taggedReference(parsed), client, repository, digests, allowUnnamed, signal };
  const found = keys.length > 0 ? await verifySigned(asked, keys) : [];
  const isTagged = pinned === undefined && parsed.digest === undefined;
  await requireStatements(context, asked, keys, isTagged ? { allowExpired: expired } : undefined);
  const by = (bySigned: boolean) => [
    ...new Set(found.filter(({ signed }) => (signed !== undefined) === bySigned).map(({ signer }) => signer)),
  ];
  const described = readManifest(reference, manifest.mediaType, manifest.bytes);
  const bytes = await asAltered(() => client.getBlob(repository, described.config.digest, maxConfigBytes));
  if (!bytes) throw missing(reference, described.config.digest);
  const image = readConfig(reference, described, bytes, arch);
  for (const one of [manifest.bytes, bytes]) await context.content.ingestStream(Readable.from([one]));
  await pullLayers(context, { client, repository, reference }, image.layers);
  return {
    ...image,
    configDigest: described.config.digest,
    digest,
    ...(index && { index }),
    signedBy: by(true),
    signedUnnamedBy: by(false),
  };
}

/**
 * Checks that no key of the recipe has revoked the image, and with `asTagged` that its statement about the tag is
 * current. Throws IMAGE_REVOKED, TAG_ROLLED_BACK, TAG_EXPIRED.
 */
async function requireStatements(
  { state, progress }: Context,
  { reference, digests, ...image }: ForeignImage,
  signers: readonly SignerKey[],
  asTagged: { allowExpired: boolean } | undefined,
): Promise<void> {
  for (const key of pemKeys(signers)) {
    const options = { key, state, warn: (sentence: string) => progress.warn(sentence) };
    const stated: Stated[] = [];
    for (const digest of digests) stated.push(await statedOf({ ...image, digest }, layouts, options));
    if (!asTagged) continue;
    // The statement may be about the index that contains the image.
    const found = Math.max(
      stated.findIndex(({ standings }) => standings.has(reference)),
      0,
    );
    await requireCurrent(digests[found]!, reference, stated[found]!, { ...options, ...asTagged });
  }
}

/** A pinned image is requested by its digest alone. */
async function findManifest(
  { progress, signal }: Pick<Context, 'progress' | 'signal'>,
  reference: string,
  arch: string,
  pinned: Pick<LockedImage, 'digest' | 'index'> | undefined,
): Promise<FoundImage & { index?: Digest }> {
  const parsed = parseReference(reference);
  const wanted = pinned?.index ?? pinned?.digest ?? parsed.digest ?? wantedTag(parsed)!;
  const first = await findImage(parsed, wanted, { progress, signal });
  const { client, repository, manifest: top } = first;
  const chosen = chooseManifest(reference, top.mediaType, top.bytes, arch);
  if (chosen === undefined) return first;
  if (pinned && chosen !== pinned.digest) {
    throw new MillinerError(
      'LOCK_INVALID',
      `${reference}: the locked index names ${chosen}, not ${pinned.digest}`,
    );
  }
  const manifest = await asAltered(() => client.getManifest(repository, chosen));
  if (manifest) return { client, repository, manifest, index: top.digest };
  throw new MillinerError('IMAGE_UNPUBLISHED', `${client.registry} has no ${repository} of ${chosen}`, {
    details: { reference },
  });
}

/** Fetches the layers that the store lacks, several at once. A broken download continues where it stopped. */
async function pullLayers(
  context: Context,
  { client, repository, reference }: Pick<FoundImage, 'client' | 'repository'> & { reference: string },
  layers: PulledImage['layers'],
): Promise<void> {
  const { content, progress } = context;
  const unique = [...new Map(layers.map((layer) => [layer.digest as Digest, layer.size]))];
  const total = unique.reduce((sum, [, size]) => sum + size, 0);
  if (total > maxImageBytes)
    throw new MillinerError('BASE_INVALID', `${reference} cannot be a base: it has ${total} bytes`);
  let done = 0;
  const tell = (bytes: number) => progress.update(`pulling ${reference}`, (done += bytes), total);
  await inParallel(unique, parallel, context.signal, async ([digest, size], signal) => {
    if (await content.has(digest)) {
      const found = await stat(await content.use(digest));
      if (found.size === size) return tell(size);
      throw new MillinerError('BASE_INVALID', `${reference}: ${digest} has ${found.size} bytes, not ${size}`);
    }
    const bytes = countBytes(client.under(signal).streamBlob(repository, digest), tell);
    await content.ingestStream(bytes, { digest, size, what: `${digest} of ${reference}` });
  });
}

async function* countBytes(
  source: AsyncIterable<Buffer>,
  tell: (bytes: number) => void,
): AsyncGenerator<Buffer> {
  for await (const piece of source) {
    tell(piece.length);
    yield piece;
  }
}

function missing(reference: string, digest: Digest): MillinerError {
  return new MillinerError('BLOB_MISSING', `${reference}: the registry has no ${digest}`, {
    details: { reference, digest },
  });
}
