/**
 * For `promote`: gives a published image another tag, in the same repository or another one, perhaps at another registry.
 * The image, its signatures and its attestations are copied byte for byte after they were verified. Nothing is rebuilt.
 */
import { MillinerError } from '../../lib/errors/error.ts';
import type { Digest } from '../../lib/oci/digest.ts';
import { RegistryClient } from '../../lib/registry/client.ts';
import type { Manifest } from '../../lib/registry/manifests.ts';
import { completeReference } from '../../lib/registry/pull-sources.ts';
import { parseReference, taggedReference, wantedTag } from '../../lib/registry/reference.ts';
import { readPrivateKey, type SigningKey } from '../../stages/sign/key.ts';
import { sourceOf } from '../../stages/sign/tag-chain.ts';
import type { TagMove } from '../../stages/sign/tag-move.ts';
import { requireMovable, type Candidate } from '../../stages/sign/tag-hold.ts';
import type { Context } from '../state/context.ts';
import { asAltered, layoutsOf, type Layout, type PublishedImage } from '../trust/fetch-signatures.ts';
import { readKeyText } from '../trust/signer-key.ts';
import { requireCurrent } from '../trust/standings.ts';
import { readHistory } from '../trust/tag-history.ts';
import type { DecideMove } from './append-move.ts';
import type { Attached } from './attach.ts';
import { copyImage } from './copy-image.ts';
import { nowSeconds, requireTagsMovable } from './move-tags.ts';
import { pointTag, requireProofs, signedWith } from './point-tag.ts';
import { inTurn } from './publish.ts';
import type { Tally } from './push.ts';
import { openTag } from './targets.ts';

export interface PromoteOptions {
  /** REGISTRY/REPOSITORY with a tag or a digest. */
  from: string;
  /** REGISTRY/REPOSITORY:TAG */
  to: string;
  /** Path of the private key, which has signed the image. */
  key: string;
  password: () => Promise<string>;
  plainHttp: boolean;
  only?: Layout | undefined;
  life?: number | undefined;
}

export interface Promoted extends Attached, Tally {
  from: string;
  reference: string;
  manifestDigest: Digest;
}

interface VerifiedSource {
  image: PublishedImage;
  manifest: Manifest;
  /** The reference that was verified. */
  reference: string;
  source: Pick<TagMove, 'lock' | 'content'>;
}

/**
 * Throws IMAGE_UNPUBLISHED, TAG_HELD, TAG_ROLLED_BACK, what verification throws, and what registries throw. The tag has
 * not moved in these cases.
 */
export async function promote(context: Context, options: PromoteOptions): Promise<Promoted> {
  const { key: path, password, plainHttp, only, life } = options;
  const target = await openTag(options.to, { plainHttp, ...context });
  const key = await readPrivateKey(await readKeyText(path), await password(), path);
  const layouts = layoutsOf(only);
  const source = await verifiedSource(context, options, key, layouts);
  const { image, manifest } = source;
  const { digest } = image;
  const candidate = { digest, ...source.source };
  await requireTagsMovable(context, target, key.public, candidate);
  const tally = { uploadedBytes: 0, mountedBlobs: 0, skippedBlobs: 0 };
  const attached = await inTurn(context, signedWith(manifest), async () => {
    const place = { client: target.client, repository: target.repository, digest };
    if (place.client.registry !== image.client.registry || place.repository !== image.repository) {
      await copyImage(context, image, place, manifest, tally);
    }
    const decide = decidePromotion(candidate, `from ${source.reference}`);
    return pointTag(context, target, manifest, { key, layouts, life }, decide);
  });
  return {
    from: source.reference,
    reference: target.reference,
    manifestDigest: digest,
    ...attached,
    ...tally,
  };
}

/** The image of a tag must be the one that the tag is stated to name now. */
async function verifiedSource(
  context: Context,
  { from, plainHttp }: PromoteOptions,
  key: SigningKey,
  layouts: readonly Layout[],
): Promise<VerifiedSource> {
  const { progress, signal, state } = context;
  const parsed = parseReference(completeReference(from));
  const { registry, repository } = parsed;
  const warn = (sentence: string) => progress.warn(sentence);
  const client = await RegistryClient.open({ registry, repository, plainHttp, report: warn, signal });
  const reference = taggedReference(parsed);
  const wanted = parsed.digest ?? wantedTag(parsed)!;
  const manifest = await asAltered(() => client.getManifest(repository, wanted));
  if (!manifest) {
    throw new MillinerError('IMAGE_UNPUBLISHED', `${registry} has no ${reference} (${wanted})`, {
      details: { reference },
    });
  }
  const { digest } = manifest;
  progress.step(`verifying ${reference} at ${digest}`);
  const options = { key: key.public, state, warn };
  const stated = await requireProofs({ client, repository, manifest }, reference, layouts, options);
  if (parsed.digest === undefined) {
    await requireCurrent(digest, reference, stated, { ...options, allowExpired: false });
  }
  const tag = wantedTag(parsed);
  const place = tag === undefined ? undefined : { client, repository, tag, reference };
  const moves = place ? await readHistory(place, options) : [];
  const image = { client, repository, digest };
  return { image, manifest, reference, source: sourceOf(moves, digest) };
}

function decidePromotion(candidate: Candidate, note: string): (reference: string) => DecideMove {
  const { digest: to, lock, content } = candidate;
  return (reference) => (latest) => {
    if (latest?.to === to) return undefined;
    requireMovable(reference, latest, candidate, nowSeconds());
    return { to, lock, content, reason: 'promoted', note };
  };
}
