/** What stops a publisher from moving a tag: a hold, or a rollback from the same lock. */
import type { Digest } from '../../lib/oci/digest.ts';
import { MillinerError } from '../../lib/errors/error.ts';
import { maxRejected, type Rejected, type TagHold, type TagMove } from './tag-move.ts';

/** An image that is about to be published under the tag. */
export interface Candidate {
  digest: Digest;
  lock?: Digest | undefined;
  /** Digest of what its recipe and bases say besides packages. */
  content?: Digest | undefined;
}

export interface Held {
  reason: string;
  /** Seconds since 1970; absent if it lasts until it is lifted. */
  until?: number | undefined;
  /** `rejected`: the tag was rolled back from this image or from its lock. */
  kind: 'held' | 'rejected';
}

/** The hold that is in force at a time; undefined if there is none. */
export function holdAt(latest: TagMove | undefined, seconds: number): TagHold | undefined {
  const hold = latest?.hold;
  return hold && (hold.until === undefined || hold.until > seconds) ? hold : undefined;
}

/**
 * What a list shows of a tag: its hold, or else the image or lock that it was rolled back from. Undefined if every
 * image may be published there.
 */
export function heldOf(latest: TagMove | undefined, seconds: number): Held | undefined {
  const hold = holdAt(latest, seconds);
  if (hold) return { kind: 'held', ...hold };
  const image = latest?.rejected?.images.at(-1);
  if (image) return rejectedImage(image);
  const lock = latest?.rejected?.locks.at(-1);
  return lock && rejectedLock(lock);
}

/** What stops this image, from the newest record of the tag; undefined if nothing does. */
export function heldBack(
  latest: TagMove | undefined,
  { digest, lock }: Candidate,
  seconds: number,
): Held | undefined {
  const hold = holdAt(latest, seconds);
  if (hold) return { kind: 'held', ...hold };
  const { images = [], locks = [] } = latest?.rejected ?? {};
  if (images.includes(digest)) return rejectedImage(digest);
  if (lock === undefined || !locks.includes(lock)) return undefined;
  return rejectedLock(lock);
}

function rejectedImage(digest: Digest): Held {
  return { kind: 'rejected', reason: `it was rolled back from ${digest}` };
}

function rejectedLock(lock: Digest): Held {
  return { kind: 'rejected', reason: `it was rolled back from an image of the lock ${lock}` };
}

/** Throws TAG_HELD. */
export function requireMovable(
  reference: string,
  latest: TagMove | undefined,
  candidate: Candidate,
  seconds: number,
): void {
  const held = heldBack(latest, candidate, seconds);
  if (!held) return;
  const { kind, reason, until } = held;
  const end = until === undefined ? '' : ` until ${new Date(until * 1000).toISOString()}`;
  throw new MillinerError(
    'TAG_HELD',
    `${reference} ${kind === 'held' ? `is held${end}` : 'does not move'}: ${reason}`,
    {
      details: {
        reference,
        kind,
        reason,
        ...(until !== undefined && { until }),
        by: latest!.by,
        digest: candidate.digest,
      },
    },
  );
}

/**
 * What stays rejected when a command moves the tag from one image to another: the departed image and its lock are
 * rejected, the new one no longer is.
 */
export function rejectedAfter(
  before: Rejected | undefined,
  departed: Candidate | undefined,
  arrived: Candidate,
): Rejected | undefined {
  const merge = (known: readonly Digest[] = [], added?: Digest, removed?: Digest) =>
    [...new Set([...known, ...(added ? [added] : [])])].filter((one) => one !== removed).slice(-maxRejected);
  const images = merge(before?.images, departed?.digest, arrived.digest);
  // Two images of one lock: the departed one is rejected with its lock, so that a rebuild does not bring it back.
  const shared = departed?.lock === arrived.lock;
  const locks = merge(before?.locks, departed?.lock, shared ? undefined : arrived.lock);
  return images.length + locks.length > 0 ? { images, locks } : undefined;
}
