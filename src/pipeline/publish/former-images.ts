/**
 * The images that a tag would go to: back by the records of its moves, as `rollback` does, or on to what the newest one
 * names. Without records, by the numbers of what the key has stated of the tag before. Versions before 0.3 made no records.
 */
import type { Digest } from '../../lib/oci/digest.ts';
import type { Standing } from '../../stages/sign/standing.ts';
import { rollbackTarget } from '../../stages/sign/tag-chain.ts';
import type { TagMove } from '../../stages/sign/tag-move.ts';

/** An image of a repository, and the newest statement of the key about each tag that named it. */
export interface StatedImage {
  digest: Digest;
  standings: ReadonlyMap<string, Standing>;
}

interface KnownPast {
  /** Records of the tag; none if it has no history. */
  moves: readonly TagMove[];
  stated: readonly StatedImage[];
}

export function formerImages(reference: string, current: Digest, { moves, stated }: KnownPast): Digest[] {
  if (moves.length === 0) return statedBefore(reference, current, stated);
  const target = rollbackTarget(moves, current);
  // The newest record is written before the tag moves: its publisher may be about to move it.
  const next = moves.at(-1)!.to;
  return [...(target === undefined ? [] : [target]), ...(next === current ? [] : [next])];
}

/**
 * The image before the current one, and the newest other one. They differ if the tag was moved back without a statement:
 * then its publisher goes forward again.
 */
function statedBefore(reference: string, current: Digest, images: readonly StatedImage[]): Digest[] {
  const stated = images
    .flatMap(({ digest, standings }) => {
      const number = standings.get(reference)?.number;
      return number === undefined ? [] : [{ digest, number }];
    })
    .toSorted((a, b) => b.number - a.number);
  const own = stated.find(({ digest }) => digest === current)?.number ?? Infinity;
  const others = stated.filter(({ digest }) => digest !== current);
  const found = [others[0], others.find(({ number }) => number < own)];
  return [...new Set(found.flatMap((one) => one?.digest ?? []))];
}
