/**
 * Removes images from a repository with all that hangs on them: the histories of their tags, bundles and other referrers,
 * the index that lists them where the registry lacks the Referrers API, and the tags of signatures and attestations.
 */
import { z } from 'zod';
import { inParallel } from '../../lib/host/parallel.ts';
import { isDigest, type Digest } from '../../lib/oci/digest.ts';
import type { PublicKey } from '../../stages/sign/public-key.ts';
import type { RunOptions } from '../state/context.ts';
import { withImageLock } from './publish-lease.ts';
import { isDerivedTag } from '../../stages/sign/attachment.ts';
import type { Repository } from '../trust/repositories-by-name.ts';
import { forgetMove } from '../trust/seen-tags.ts';
import { parallelRequests, readTag, type RepositoryTags } from '../trust/tagged-images.ts';
import type { RemovableImage } from './plan-retention.ts';

export interface RemovedImage extends RemovableImage {
  /** Digests of the manifests that referred to it, and are gone too. */
  referrers: Digest[];
}

interface Staying {
  tags: RepositoryTags;
  /** Images that tags would go back to. */
  rollback: readonly Digest[];
}

interface RemoveOptions extends Pick<RunOptions, 'state' | 'progress' | 'signal'> {
  /** Of the histories. */
  key: PublicKey;
}

const referrerSchema = z.object({ subject: z.object({ digest: z.string() }) });

/**
 * One after another. An interrupted run has removed whole images but for the last: the tags of its attachments go last of
 * all, and the next run finds by them what is left. Throws DELETE_UNSUPPORTED before anything is gone.
 */
export async function removeImages(
  place: Repository,
  images: readonly RemovableImage[],
  staying: Staying,
  { state, key, progress, signal }: RemoveOptions,
): Promise<RemovedImage[]> {
  if (images.length === 0) return [];
  const retained = await retainedDigests(place, images, staying, signal);
  const removed: RemovedImage[] = [];
  const going = new Set(images.flatMap((image) => image.tags));
  for (const image of images) {
    progress.update(`removing images of ${place.name}`, removed.length, images.length);
    // `publish` of this state holds the same lock while it signs the image and moves its tags.
    const remove = async () => {
      if (await hasNewTag(place, image, { going, retained, signal })) return undefined;
      return removeImage(place, image, retained, { state, key });
    };
    const gone = await withImageLock({ state, progress, signal }, image.digest, remove);
    if (gone) removed.push(gone);
  }
  progress.update(`removing images of ${place.name}`, images.length, images.length);
  return removed;
}

/**
 * Digests that anything which stays names: its tags, the images of its indexes, and the tags of attachments and histories.
 * Any account that may push can put a tag on anything, and list anything as a referrer.
 */
async function retainedDigests(
  { client, repository }: Repository,
  removed: readonly RemovableImage[],
  { tags: { images, derived }, rollback }: Staying,
  signal: AbortSignal | undefined,
): Promise<Set<Digest>> {
  const going = new Set(removed.map(({ digest }) => digest));
  const staying = images.filter(({ digest }) => !going.has(digest));
  const tagged = staying.flatMap(({ digest, children }) => [digest, ...children.map((one) => one.digest)]);
  const retained = new Set([...tagged, ...rollback]);
  const own = new Set(removed.flatMap(({ attachments, histories }) => [...attachments, ...histories]));
  const others = derived.filter((tag) => !own.has(tag));
  await inParallel(others, parallelRequests, signal, async (tag, within) => {
    const found = await client.under(within).getManifest(repository, tag);
    if (found) retained.add(found.digest);
  });
  return retained;
}

/**
 * Whether a tag that stays has got the image since the tags were read, or an index of it: by `promote`, `rollback`, or a
 * publication of the same image. Called under the lock of the image, which those of this state hold, too.
 */
async function hasNewTag(
  { client, name, repository }: Repository,
  { digest }: RemovableImage,
  { going, retained, signal }: Retained,
): Promise<boolean> {
  const listed = (await client.listTags(repository)) ?? [];
  const tags = listed.filter((tag) => !going.has(tag) && !isDerivedTag(tag));
  const found = await inParallel(tags, parallelRequests, signal, async (tag, within) => {
    const place = { client: client.under(within), name, repository };
    const current = await place.client.headManifest(repository, tag);
    // What was there when the tags were read names other images.
    if (current === undefined || retained.has(current)) return false;
    const image = await readTag(place, tag);
    return image?.digest === digest || image?.children.some((child) => child.digest === digest) === true;
  });
  return found.includes(true);
}

interface Retained {
  /** Tags that go. */
  going: ReadonlySet<string>;
  /** Digests that what stays named when the tags were read. */
  retained: ReadonlySet<Digest>;
  signal: AbortSignal | undefined;
}

/** Undefined if one of its tags has got another image since, or something that stays names it now. */
async function removeImage(
  { client, name, repository }: Repository,
  image: RemovableImage,
  retained: ReadonlySet<Digest>,
  { state, key }: Pick<RemoveOptions, 'state' | 'key'>,
): Promise<RemovedImage | undefined> {
  const { digest, tags, attachments, histories } = image;
  const removeTag = async (tag: string) => {
    const found = await client.getManifest(repository, tag);
    if (found && !retained.has(found.digest)) await client.deleteManifest(repository, found.digest, [tag]);
  };
  if (retained.has(digest)) return undefined;
  for (const tag of tags) {
    const found = await client.getManifest(repository, tag);
    if (found && found.digest !== digest) return undefined;
  }
  // Nothing finds a history without its tag, so it goes first.
  for (const tag of histories) await removeTag(tag);
  for (const tag of tags) await forgetMove(state, { key: key.hint, of: `${name}:${tag}` });
  // Some registries list the referrers of an image only while it is there.
  const listed = await client.referrers(repository, digest);
  await client.deleteManifest(repository, digest, tags);
  const referrers: Digest[] = [];
  for (const referrer of listed) {
    if (retained.has(referrer.digest)) continue;
    const found = await client.getManifest(repository, referrer.digest);
    if (subjectOf(found?.bytes) !== digest) continue;
    await client.deleteManifest(repository, referrer.digest, []);
    referrers.push(referrer.digest);
  }
  for (const tag of attachments.toSorted()) await removeTag(tag);
  return { ...image, referrers };
}

function subjectOf(manifest: Buffer | undefined): Digest | undefined {
  try {
    const { subject } = referrerSchema.parse(JSON.parse(manifest?.toString('utf8') ?? ''));
    return isDigest(subject.digest) ? subject.digest : undefined;
  } catch {
    return undefined;
  }
}
