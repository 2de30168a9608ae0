/** Moves tags to a manifest that is in their repository, and records each move before it. */
import { MillinerError } from '../../lib/errors/error.ts';
import type { Digest } from '../../lib/oci/digest.ts';
import type { SigningKey } from '../../stages/sign/key.ts';
import type { PublicKey } from '../../stages/sign/public-key.ts';
import { requireMovable, type Candidate } from '../../stages/sign/tag-hold.ts';
import type { RecordedMove } from '../../stages/sign/tag-move.ts';
import type { RunOptions } from '../state/context.ts';
import { addPublication } from '../state/publications.ts';
import { rememberCurrent, statedOf } from '../trust/standings.ts';
import { newestPage, rememberNewest, type TagPlace } from '../trust/tag-history.ts';
import { appendMove, confirmMove, type DecideMove } from './append-move.ts';
import { unlimitedLease, withLease, type AcquireLease } from './publish-lease.ts';
import { manifestAt, standingOptions, type Signing } from './sign-at.ts';
import type { Target } from './targets.ts';

interface MoveOptions {
  acquireLease?: AcquireLease;
  images?: readonly Digest[];
  /** The key whose history can hold a tag, where the caller has not just recorded the moves. */
  unlessHeldBy?: PublicKey;
}

type Run = Pick<RunOptions, 'state' | 'progress' | 'signal'>;

/** An image or an index, as a registry stores it. */
export interface MovedManifest {
  digest: Digest;
  mediaType: string;
  manifest: Uint8Array;
  /** Digest of the lock of its images. */
  lock?: Digest | undefined;
}

/**
 * Checks that no tag is held back from this image, and, where its move is recorded already, that no other image
 * was promoted to the tag since. Throws TAG_HELD, RELEASE_SUPERSEDED, HISTORY_ALTERED.
 */
export async function requireTagsMovable(
  run: Run,
  target: Target,
  key: PublicKey,
  image: Candidate,
  { isRecorded = false } = {},
): Promise<void> {
  const options = { ...optionsOf(run), key };
  for (const place of placesIn(target)) {
    const newest = await newestPage(place, options);
    // The tag has moved to this image already, so publishing it again changes nothing.
    if (newest?.latest.to === image.digest) continue;
    try {
      requireMovable(place.reference, newest?.latest, image, nowSeconds());
      if (isRecorded && newest?.latest.reason === 'promoted') throw superseded(newest.latest);
    } catch (error) {
      // An account that may push could otherwise cut the hold off again.
      if (newest) await rememberNewest(place, options, newest.latest);
      throw error;
    }
  }
}

function superseded({ reference, to, time }: RecordedMove): MillinerError {
  const message = `${to} was promoted to ${reference} after this release had recorded its move`;
  return new MillinerError('RELEASE_SUPERSEDED', message, {
    details: { reference, digest: to, moved: new Date(time * 1000).toISOString() },
  });
}

/** For each tag of the target: a record, unless `decide` wants none. Throws what appendMove throws. */
export async function recordMoves(
  run: Run,
  target: Target,
  key: SigningKey,
  decide: (reference: string) => DecideMove,
): Promise<RecordedMove[]> {
  const recorded: RecordedMove[] = [];
  for (const place of placesIn(target)) {
    const move = await appendMove(place, key, optionsOf(run), decide(place.reference));
    if (move) recorded.push(move);
  }
  return recorded;
}

/** The record of a publication. A hold can have come since the check before the push. */
export function publication(image: Candidate): (reference: string) => DecideMove {
  return (reference) => (latest) => {
    if (latest?.to === image.digest) return undefined;
    requireMovable(reference, latest, image, nowSeconds());
    const { digest: to, lock, content } = image;
    return { to, ...(lock && { lock }), ...(content && { content }), reason: 'published' };
  };
}

/** Returns the references. `images` are those of an index: registries can mount their blobs from there. */
export async function moveAllTags(
  run: Run,
  moved: MovedManifest,
  targets: readonly Target[],
  { acquireLease = unlimitedLease, images = [moved.digest], unlessHeldBy: key }: MoveOptions = {},
): Promise<string[]> {
  const requireMovableAt = async (target: Target) =>
    key && requireTagsMovable(run, target, key, moved, { isRecorded: true });
  for (const target of targets) await moveTags(run, moved, target, acquireLease, requireMovableAt);
  const references = targets.flatMap(({ tags }) => tags.map(({ reference }) => reference));
  for (const digest of images) await addPublication(run.state, digest, references);
  return references;
}

/** Throws REGISTRY_INVALID if a tag does not point to the image afterwards. */
export async function moveTags(
  run: Pick<Run, 'progress' | 'signal'>,
  image: MovedManifest,
  target: Target,
  acquireLease: AcquireLease,
  requireMovableAt?: (target: Target) => Promise<void>,
): Promise<void> {
  const { client, repository } = target;
  for (const { tag, reference } of target.tags) {
    await withLease(run, acquireLease, target, async (within) => {
      if ((await within.client.headManifest(repository, tag)) === image.digest) return;
      await requireMovableAt?.({ ...within, tags: [{ tag, reference }] });
      await within.client.putManifest(repository, tag, image.manifest, image.mediaType);
    });
    const there = await client.getManifest(repository, tag);
    if (there?.digest !== image.digest) {
      throw new MillinerError(
        'REGISTRY_INVALID',
        `${reference} names ${there?.digest ?? 'nothing'} after it was moved`,
        {
          hint: 'Find out who else publishes there: another publisher may have moved the tag at the same time.',
          details: { reference, digest: image.digest },
        },
      );
    }
    run.progress.step(`${reference} is ${image.digest}`);
  }
}

/** After the tags have moved: another publisher may have overwritten a record in the meantime. */
export async function confirmMoves(
  run: Run,
  target: Target,
  key: SigningKey,
  recorded: readonly RecordedMove[],
): Promise<void> {
  for (const place of placesIn(target)) {
    const move = recorded.find(({ reference }) => reference === place.reference);
    if (move) await confirmMove(place, key, optionsOf(run), move);
  }
}

/**
 * Remembered after the tags have moved: the next verification here detects a rollback, and the next statement continues
 * from this number.
 */
export async function rememberTags(run: Run, moved: MovedManifest, target: Target, signing: Signing) {
  const options = standingOptions(run, signing);
  const stated = await statedOf(manifestAt(moved, target), signing.layouts, options);
  for (const { reference } of target.tags) await rememberCurrent(moved.digest, reference, stated, options);
}

/** For a publisher that has not recorded the moves itself: no older history counts here from now on. */
export async function rememberMoves(run: Run, target: Target, key: PublicKey): Promise<void> {
  const options = { ...optionsOf(run), key };
  for (const place of placesIn(target)) {
    const newest = await newestPage(place, options);
    if (newest) await rememberNewest(place, options, newest.latest);
  }
}

export function placesIn({ client, repository, tags }: Target): TagPlace[] {
  return tags.map(({ tag, reference }) => ({ client, repository, tag, reference }));
}

export function nowSeconds(): number {
  return Math.floor(Date.now() / 1000);
}

function optionsOf({ state, progress, signal }: Run) {
  return { state, signal, warn: (sentence: string) => progress.warn(sentence) };
}
