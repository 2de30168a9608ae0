import { expect, test } from 'vitest';
import { sha256Of } from '../oci/digest.ts';
import { BlobCheck } from './blob-check.ts';

const bytes = Buffer.from('a hat of felt, and one of straw');
const blob = { digest: sha256Of(bytes), size: bytes.length, content: { bytes } };

/** Ranges of the bytes, in the order in which they are sent. */
const check = (ranges: [from: number, to: number][], content = bytes) => {
  const taken = new BlobCheck(blob);
  for (const [from, to] of ranges) taken.take(content.subarray(from, to), from);
  return taken.isWhole;
};
const { length } = bytes;

test('all bytes in order are whole, also where a session repeats some', () => {
  expect(check([[0, length]])).toBe(true);
  expect(
    check([
      [0, 5],
      [5, length],
    ]),
  ).toBe(true);
  expect(
    check([
      [0, 9],
      [0, 4],
      [4, 12],
      [12, length],
    ]),
  ).toBe(true);
});

test('a gap, an end too early, and another byte are not', () => {
  expect(
    check([
      [0, 5],
      [6, length],
    ]),
  ).toBe(false);
  expect(check([[0, length - 1]])).toBe(false);
  expect(check([])).toBe(false);
  const other = Buffer.from(bytes);
  other[length - 1]! ^= 1;
  expect(check([[0, length]], other)).toBe(false);
});
