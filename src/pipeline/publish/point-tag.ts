/**
 * Points a tag to an image that is in the repository already, for `rollback` and `promote`: states what the tag names,
 * signs the reference, records the move, and moves the tag. Nothing is built and no layer is sent.
 */
import type { SigningKey } from '../../stages/sign/key.ts';
import { signTags } from '../../stages/sign/sign-image.ts';
import type { RunOptions } from '../state/context.ts';
import type { Layout, PublishedImage } from '../trust/fetch-signatures.ts';
import { rememberCurrent, statedOf, type Stated, type StandingOptions } from '../trust/standings.ts';
import { proofs } from '../trust/verify-image.ts';
import type { DecideMove } from './append-move.ts';
import { attach, type Attached } from './attach.ts';
import { unlimitedLease } from './publish-lease.ts';
import { confirmMoves, moveTags, recordMoves, type MovedManifest } from './move-tags.ts';
import { defaultLife, nextStandings } from './next-standings.ts';
import type { Target } from './targets.ts';

export interface TagSigning {
  key: SigningKey;
  layouts: readonly Layout[];
  /** Validity of the statement about the tag, in seconds. */
  life?: number | undefined;
}

type Run = Pick<RunOptions, 'state' | 'progress' | 'signal'>;

/**
 * Checks that the key has signed the image under the reference, with its bills of materials and a passed verdict, and
 * has not revoked it. Throws IMAGE_REVOKED, SIGNATURE_MISSING and the others of `bySeverity`.
 */
export async function requireProofs(
  image: PublishedImage,
  reference: string,
  { key, layouts }: Pick<TagSigning, 'layouts'> & { key: StandingOptions['key'] },
  options: Omit<StandingOptions, 'key'>,
): Promise<Stated> {
  const stated = await statedOf(image, layouts, { ...options, key });
  const { revokedVerdicts } = stated;
  for (const layout of layouts) {
    await proofs[layout](image, key, [reference], { allowUnnamed: false, revokedVerdicts });
  }
  return stated;
}

/**
 * The caller has verified the image. After an interruption at any point the tag points to the old image or to the new
 * one, and the same call again finishes. Throws TAG_HELD and HISTORY_ALTERED before the tag moves.
 */
export async function pointTag(
  run: Run,
  target: Target,
  image: MovedManifest,
  { key, layouts, life = defaultLife }: TagSigning,
  decide: (reference: string) => DecideMove,
): Promise<Attached> {
  const { digest, mediaType, manifest } = image;
  const place = { client: target.client, repository: target.repository, digest };
  const options = {
    key: key.public,
    state: run.state,
    warn: (sentence: string) => run.progress.warn(sentence),
  };
  const references = target.tags.map(({ reference }) => reference);
  const standings = await nextStandings(place, target, life, options);
  const signed = signTags(key, {
    image: { mediaType, digest, size: manifest.length },
    references,
    standings,
    epoch: Math.max(0, ...standings.map(({ issued }) => issued)),
  });
  const tally = { uploadedBytes: 0, mountedBlobs: 0, skippedBlobs: 0 };
  const attached = await attach(place, key.public, signed, layouts, tally);
  for (const reference of references) {
    // The tag has not moved yet, so the state must not remember this statement.
    await requireProofs(place, reference, { key: key.public, layouts }, { ...options, state: undefined });
  }
  const moves = await recordMoves(run, target, key, decide);
  await moveTags(run, image, target, unlimitedLease);
  await confirmMoves(run, target, key, moves);
  const stated = await statedOf(place, layouts, options);
  for (const reference of references) await rememberCurrent(digest, reference, stated, options);
  return attached;
}
