/** The chain of the records of a tag: whether it is complete, and which images the tag pointed to. */
import type { Digest } from '../../lib/oci/digest.ts';
import { refuseHistory, type RecordedMove, type TagMove } from './tag-move.ts';

/**
 * Checks that the records are complete and in order, from the first one on. Each has its own signature; this finds a
 * record that was removed, repeated or put in another place. Throws HISTORY_ALTERED.
 */
export function requireChain(reference: string, moves: readonly RecordedMove[]): void {
  for (const [index, move] of moves.entries()) {
    const position = index + 1;
    const refuse = refuseHistory(reference, { number: position });
    if (move.number > position) {
      const isLater = moves.slice(index).some(({ number }) => number === position);
      throw refuse(isLater ? `lies after record ${move.number}` : 'is missing');
    }
    if (move.number < position) throw refuse(`is missing: record ${move.number} lies in its place`);
    if (move.previous !== moves[index - 1]?.digest) throw refuse('does not continue the record before it');
  }
}

/** Records that move the tag; the others are about its hold. */
const isMove = ({ reason }: TagMove) => reason !== 'held' && reason !== 'released';

/**
 * Records of moves that took place. A publisher writes the record before it moves the tag: after a crash in between,
 * the next record, or the tag itself, does not continue from the image of that record.
 */
function completedMoves<Move extends TagMove>(moves: readonly Move[], current: Digest | undefined): Move[] {
  return moves.filter((move, index) => {
    if (!isMove(move)) return false;
    const next = moves[index + 1];
    return move.to === (next ? next.from : current);
  });
}

/** All images that the tag was moved to, oldest first, and the one that the first record found there. */
export function recordedImages(moves: readonly TagMove[]): Set<Digest> {
  const first = moves[0]?.from;
  return new Set([...(first ? [first] : []), ...moves.filter(isMove).map(({ to }) => to)]);
}

/**
 * The image to roll back to: the one before the current image was published. After a rollback this is one further back,
 * not the image that was rejected. Undefined if there is none.
 */
export function rollbackTarget(moves: readonly TagMove[], current: Digest): Digest | undefined {
  const completed = completedMoves(moves, current);
  const first = moves[0]?.from;
  const published = completed.findLastIndex(({ reason, to }) => reason !== 'rolled-back' && to === current);
  // The chain began with this image, so nothing is known of those before it.
  if (published < 0 && current === first) return undefined;
  // The move to a former image repeats an image that is further back.
  const earlier = completed
    .slice(0, published < 0 ? completed.length : published)
    .filter(({ reason }) => reason !== 'rolled-back');
  const rejected = new Set(moves.at(-1)?.rejected?.images);
  const candidates = [...(first ? [first] : []), ...earlier.map(({ to }) => to)];
  return candidates.findLast((image) => image !== current && !rejected.has(image));
}

/** What an image was built from, by the newest record that has it. */
export function sourceOf(moves: readonly TagMove[], image: Digest): Pick<TagMove, 'lock' | 'content'> {
  const { lock, content } = moves.findLast((move) => move.to === image && move.lock !== undefined) ?? {};
  return { ...(lock && { lock }), ...(content && { content }) };
}
