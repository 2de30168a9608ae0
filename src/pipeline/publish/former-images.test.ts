import { expect, test } from 'vitest';
import type { Digest } from '../../lib/oci/digest.ts';
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
  expect(formerImages(reference, digest(current), images)).toEqual(expected.map(digest));
  expect(formerImages(reference, digest(current), images.toReversed())).toEqual(expected.map(digest));
});
