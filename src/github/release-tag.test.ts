import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Digest } from '../lib/oci/digest.ts';
import { releaseTag } from './release-tag.ts';

const digest: Digest = `sha256:${'0123456789abcdef'.repeat(4)}`;

test.each([
  ['fedora-base', 'fedora-base-0123456789ab'],
  ['a.lock', 'a.lock-0123456789ab'],
  ['..a..b', 'a.b-0123456789ab'],
  ['-x', 'x-0123456789ab'],
  ['a b~c^d:e?f*[g\\@{', 'a-b-c-d-e-f--g----0123456789ab'],
  ['', 'image-0123456789ab'],
])('%j is released as %s', (recipe, tag) => {
  expect(releaseTag(recipe, digest)).toBe(tag);
});

test('has no sign that git refuses, whatever a recipe is called', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (recipe) => {
      const tag = releaseTag(recipe, digest);
      expect(tag).toMatch(/^[A-Za-z0-9_](?:\.?[A-Za-z0-9_-])*$/);
      expect(tag.length).toBeLessThanOrEqual(113);
    }),
  );
});
