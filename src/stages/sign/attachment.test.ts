import { expect, test } from 'vitest';
import { attachedTo, isDerivedTag } from './attachment.ts';

const hex = 'a1'.repeat(32);

test.each([
  [`sha256-${hex}`, true, `sha256:${hex}`],
  [`sha256-${hex}.sig`, true, `sha256:${hex}`],
  [`sha256-${hex}.att`, true, `sha256:${hex}`],
  [`sha256-${hex}.sbom`, true, `sha256:${hex}`],
  // Derived from something else: whether its image is there says nothing.
  [`sha256-${hex}.history`, true, undefined],
  [`sha256-${hex}.sig.1`, true, undefined],
  [`sha256-${hex}x`, false, undefined],
  [`sha256-${hex.slice(1)}`, false, undefined],
  [`sha256-${hex.toUpperCase()}.sig`, false, undefined],
  ['latest', false, undefined],
])('%s', (tag, isDerived, subject) => {
  expect(isDerivedTag(tag)).toBe(isDerived);
  expect(attachedTo(tag)).toBe(subject);
});
