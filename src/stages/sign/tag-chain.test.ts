import { expect, test } from 'vitest';
import { MillinerError } from '../../lib/errors/error.ts';
import { sha256Of, type Digest } from '../../lib/oci/digest.ts';
import { recordedImages, requireChain, rollbackTarget, sourceOf } from './tag-chain.ts';
import type { RecordedMove, TagMove } from './tag-move.ts';

const digestOf = (name: string): Digest => sha256Of(Buffer.from(name));
const reference = 'r.example/hat:1';

type Step = [reason: TagMove['reason'], to: string, more?: Partial<TagMove>];

/** A chain in which each move begins where the one before ended. */
function chain(...steps: Step[]): RecordedMove[] {
  const moves: RecordedMove[] = [];
  for (const [index, [reason, to, more]] of steps.entries()) {
    const before = moves.at(-1);
    moves.push({
      reference,
      number: index + 1,
      ...(before && { from: before.to, previous: before.digest }),
      to: digestOf(to),
      reason,
      by: 'key',
      time: index,
      digest: digestOf(`record ${index + 1}`),
      ...more,
    });
  }
  return moves;
}

function numberRefused(moves: readonly RecordedMove[]): unknown {
  try {
    requireChain(reference, moves);
    return undefined;
  } catch (error) {
    if (!(error instanceof MillinerError) || error.code !== 'HISTORY_ALTERED') throw error;
    return error.details['number'];
  }
}

const three = chain(['published', 'a'], ['published', 'b'], ['held', 'b']);
const [first, second, third] = three as [RecordedMove, RecordedMove, RecordedMove];

test.each<[string, RecordedMove[], number | undefined]>([
  ['complete', three, undefined],
  ['empty', [], undefined],
  ['without its first record', [second, third], 1],
  ['without a record in the middle', [first, third], 2],
  ['in another order', [first, third, second], 2],
  ['with a record twice', [first, second, second, third], 3],
  ['with a record that continues another chain', [first, { ...second, previous: digestOf('x') }, third], 2],
  ['with a first record that continues another one', [{ ...first, previous: digestOf('x') }], 1],
])('a chain %s', (_name, moves, number) => {
  expect(numberRefused(moves)).toBe(number);
});

const targetOf = (moves: readonly TagMove[], current = moves.at(-1)!.to) => rollbackTarget(moves, current);

test.each<[string, Step[], string | undefined]>([
  [
    'the image before',
    [
      ['published', 'a'],
      ['published', 'b'],
    ],
    'a',
  ],
  ['none before the first', [['published', 'a']], undefined],
  [
    'one further back after a rollback',
    [
      ['published', 'a'],
      ['published', 'b'],
      ['published', 'c'],
      ['rolled-back', 'b'],
    ],
    'a',
  ],
  [
    'none before the oldest',
    [
      ['published', 'a'],
      ['published', 'b'],
      ['rolled-back', 'a'],
    ],
    undefined,
  ],
  [
    'holds do not count',
    [
      ['published', 'a'],
      ['published', 'b'],
      ['held', 'b'],
      ['released', 'b'],
    ],
    'a',
  ],
  [
    'a promoted image counts',
    [
      ['promoted', 'a'],
      ['promoted', 'b'],
    ],
    'a',
  ],
  [
    'what was put on top of a rollback',
    [
      ['published', 'a'],
      ['published', 'b'],
      ['rolled-back', 'a'],
      ['published', 'c'],
    ],
    'b',
  ],
])('rolls back to %s', (_name, steps, wanted) => {
  expect(targetOf(chain(...steps))).toBe(wanted && digestOf(wanted));
});

test('a rejected image is skipped', () => {
  const rejected = { images: [digestOf('b')], locks: [] };
  const moves = chain(['published', 'a'], ['published', 'b'], ['published', 'c', { rejected }]);
  expect(targetOf(moves)).toBe(digestOf('a'));
});

test('the image that the tag had before its first record', () => {
  const moves = chain(['published', 'b', { from: digestOf('a') }]);
  expect(targetOf(moves)).toBe(digestOf('a'));
  expect(recordedImages(moves)).toEqual(new Set([digestOf('a'), digestOf('b')]));
  const back = [...moves, ...chain(['published', 'b'], ['rolled-back', 'a']).slice(1)];
  expect(targetOf(back)).toBeUndefined();
});

test('a move that was recorded and did not take place is skipped', () => {
  const moves = chain(['published', 'a'], ['published', 'x'], ['published', 'b', { from: digestOf('a') }]);
  expect(targetOf(moves)).toBe(digestOf('a'));
  // The tag itself shows that the last one did not take place.
  const last = chain(['published', 'a'], ['published', 'b'], ['rolled-back', 'a']);
  expect(targetOf(last, digestOf('b'))).toBe(digestOf('a'));
});

test('the newest lock of an image', () => {
  const lock = (name: string) => ({ lock: digestOf(name) });
  const moves = chain(['published', 'a', lock('1')], ['published', 'a', lock('2')], ['held', 'a']);
  expect(sourceOf(moves, digestOf('a'))).toEqual({ lock: digestOf('2') });
  expect(sourceOf(moves, digestOf('b'))).toEqual({});
});
