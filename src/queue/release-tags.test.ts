import { expect, test } from 'vitest';
import type { Digest } from '../lib/oci/digest.ts';
import { archIndex } from '../stages/image/arch-index.ts';
import type { Built } from './claims.ts';
import { allReferences, indexReferences, referencesOf, signedDigests, tagsOf } from './release-tags.ts';

const digest = (letter: string): Digest => `sha256:${letter.repeat(64)}`;
const built = (arch: Built['arch'], letter: string): Built => ({
  arch,
  manifestDigest: digest(letter),
  manifestSize: 500,
  hasZstd: true,
  records: [digest('1')],
  sboms: digest('2'),
  verdict: digest('3'),
  packages: 3,
});
const images = [built('x86_64', 'a'), built('i686', 'b')];
const both = {
  arches: ['x86_64' as const, 'i686' as const],
  to: ['r.example.com/hat:1', 'r.example.com/hat:1-{{arch}}'],
};
const single = { ...both, arches: ['x86_64' as const] };

test('of several architectures, a tag without {{arch}} names the index', () => {
  expect(referencesOf(both, 'i686')).toEqual(['r.example.com/hat:1-i686']);
  expect(indexReferences(both)).toEqual(['r.example.com/hat:1']);
  const index = archIndex(images).digest;
  expect(tagsOf(both, images)).toEqual([
    { reference: 'r.example.com/hat:1-x86_64', manifestDigest: digest('a') },
    { reference: 'r.example.com/hat:1-i686', manifestDigest: digest('b') },
    { reference: 'r.example.com/hat:1', manifestDigest: index },
  ]);
  expect(allReferences(both)).toEqual(tagsOf(both, images).map(({ reference }) => reference));
  expect(signedDigests(both, images)).toEqual([digest('a'), digest('b'), index]);
  expect(signedDigests(both, images.toReversed()).at(-1)).toBe(index);
});

test('of one architecture, each tag names its image', () => {
  expect(referencesOf(single, 'x86_64')).toEqual(['r.example.com/hat:1', 'r.example.com/hat:1-x86_64']);
  expect(indexReferences(single)).toEqual([]);
  expect(tagsOf(single, images.slice(0, 1)).map(({ manifestDigest }) => manifestDigest)).toEqual([
    digest('a'),
    digest('a'),
  ]);
  expect(signedDigests(single, images.slice(0, 1))).toEqual([digest('a')]);
});
