import { expect, test } from 'vitest';
import type { Digest } from '../../lib/oci/digest.ts';
import type { TagMove } from '../../stages/sign/tag-move.ts';
import { formerImages, type StatedImage } from './former-images.ts';

const digest = (digit: string): Digest => `sha256:${digit.repeat(64)}`;
const reference = 'registry.example.com/app:latest';

function image(digit: string, number: number, of = reference): StatedImage {
  return {
    digest: digest(digit),
    standings: new Map([[of, { reference: of, number, issued: 0, expires: 0 }]]),
  };
}

test.each<[string, string, StatedImage[], string[]]>([
  ['the one before', 'c', [image('a', 1), image('b', 2), image('c', 3)], ['b']],
  ['after a rollback with a number of its own', 'a', [image('a', 4), image('b', 2), image('c', 3)], ['c']],
  ['after a move without a statement', 'b', [image('a', 1), image('b', 2), image('c', 3)], ['c', 'a']],
  ['of an image that nothing is stated of', 'd', [image('a', 1), image('b', 2)], ['b']],
  ['of the first', 'a', [image('a', 1)], []],
  ['of another tag', 'c', [image('b', 2, `${reference}-2`), image('c', 3)], []],
])('%s', (_name, current, images, expected) => {
  expect(formerImages(reference, digest(current), { moves: [], stated: images })).toEqual(
    expected.map(digest),
  );
  const reversed = { moves: [], stated: images.toReversed() };
  expect(formerImages(reference, digest(current), reversed)).toEqual(expected.map(digest));
});

function moved(number: number, to: string, from?: string, reason: TagMove['reason'] = 'published'): TagMove {
  const move = { reference, number, to: digest(to), reason, by: 'key', time: number };
  return from === undefined ? move : { ...move, from: digest(from) };
}

const published = [moved(1, 'a'), moved(2, 'b', 'a'), moved(3, 'c', 'b')];
const rolledBack = moved(4, 'b', 'c', 'rolled-back');

// The statements say otherwise, and do not count.
const stated = [image('d', 9), image('e', 8)];

test.each<[string, string, TagMove[], string[]]>([
  ['the one before', 'c', published, ['b']],
  ['after a rollback the one further back', 'b', [...published, rolledBack], ['a']],
  ['before a move that is recorded', 'b', published, ['a', 'c']],
  ['what the first record found', 'b', [moved(1, 'b', 'a')], ['a']],
  ['of a history that begins with it', 'a', [moved(1, 'a')], []],
])('by records: %s', (_name, current, moves, expected) => {
  expect(formerImages(reference, digest(current), { moves, stated })).toEqual(expected.map(digest));
});
