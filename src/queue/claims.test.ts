import { expect, test } from 'vitest';
import { claims } from './claims.ts';

const digest = (letter: string) => `sha256:${letter.repeat(64)}`;
const image = {
  arch: 'x86_64',
  manifestDigest: digest('2'),
  manifestSize: 500,
  hasZstd: true,
  records: [digest('3')],
  sboms: digest('4'),
  verdict: digest('5'),
  packages: 3,
};

test.each([
  ['of an older machine', {}, true],
  ['of one retry', { retries: 1 }, true],
  ['of all retries that a recipe may have', { retries: 5 }, true],
  ['of more retries', { retries: 6 }, false],
  ['of none, which is left out', { retries: 0 }, false],
  ['of half a retry', { retries: 0.5 }, false],
  ['of a retry as text', { retries: '1' }, false],
])('the claim of a build %s (%j) opens: %s', (_name, change, isOpened) => {
  const claim = { request: digest('0'), bundle: digest('1'), image: { ...image, ...change } };
  expect(claims.built.schema.safeParse(claim).success).toBe(isOpened);
});
