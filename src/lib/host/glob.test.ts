import { posix } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { matchesGlob } from './glob.ts';

const piece = fc.constantFrom('a', 'b', 'c', '-', '*', '?', '[ab]', '[!ab]', '[a-c]', '[^b-c]');
const globs = fc.array(piece, { minLength: 1, maxLength: 5 }).map((pieces) => pieces.join(''));
const names = fc.stringMatching(/^[a-d-]{1,6}$/);

test('short globs match as those of node:path', () => {
  fc.assert(
    fc.property(globs, names, (glob, name) => {
      expect(matchesGlob(glob, name)).toBe(posix.matchesGlob(name, glob));
    }),
    { numRuns: 2000 },
  );
});

test.each([
  ['kernel', 'kernel', true],
  ['kernel*', 'kernel-core', true],
  ['kernel', 'kernel-core', false],
  ['lib[0-9]?', 'lib64', true],
  ['a[', 'a[', true],
  ['[]]', ']', true],
  ['*', '', true],
  ['', '', true],
  ['?', '', false],
])('%s and %s: %s', (glob, name, expected) => {
  expect(matchesGlob(glob, name)).toBe(expected);
});

test('a glob with many stars comes to an end', () => {
  expect(matchesGlob(`${'*a'.repeat(60)}b`, 'a'.repeat(128))).toBe(false);
  expect(matchesGlob(`${'*[a-b]'.repeat(60)}c`, 'a'.repeat(128))).toBe(false);
});
