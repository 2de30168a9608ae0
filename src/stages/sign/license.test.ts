import fc from 'fast-check';
import { expect, test } from 'vitest';
import { declaredLicense } from './license.ts';

test.each([
  ['MIT', 'MIT'],
  ['mit AND apache-2.0', 'MIT AND Apache-2.0'],
  ['GPL-2.0-or-later WITH GCC-exception-2.0', 'GPL-2.0-or-later WITH GCC-exception-2.0'],
  ['(LGPL-2.1-or-later OR BSD-3-Clause)  AND ( MIT )', '(LGPL-2.1-or-later OR BSD-3-Clause) AND (MIT)'],
  ['GPL-2.0+', 'GPL-2.0+'],
  ['Apache-2.0+', 'Apache-2.0+'],
  ['', 'NOASSERTION'],
])('%s', (text, expression) => {
  expect(declaredLicense(text)).toEqual({ expression, extracted: [] });
});

test('a licence that Fedora named is one of the document', () => {
  const { expression, extracted } = declaredLicense('MIT AND LicenseRef-Fedora-Public-Domain');
  expect(expression).toBe('MIT AND LicenseRef-Fedora-Public-Domain');
  expect(extracted.map(({ licenseId }) => licenseId)).toEqual(['LicenseRef-Fedora-Public-Domain']);
});

test.each([
  'GPLv2+ and MIT',
  'Public Domain',
  'MIT and BSD',
  'MIT AND',
  'MIT AND (BSD-2-Clause',
  'MIT WITH no-such-exception',
  'MIT) AND (MIT',
  'see LICENSE',
  '()',
  'MIT MIT',
  'constructor',
  `${'('.repeat(5000)}MIT${')'.repeat(5000)}`,
])('%s is no SPDX expression, and goes in as it is', (text) => {
  const { expression, extracted } = declaredLicense(text);
  expect(expression).toMatch(/^LicenseRef-[A-Za-z0-9.-]+$/);
  expect(extracted).toEqual([{ licenseId: expression, extractedText: text, name: text }]);
});

test('different texts get different names, the same text the same', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1 }), fc.string({ minLength: 1 }), (one, other) => {
      const name = (text: string) => declaredLicense(`${text} ?`).expression;
      expect(name(one)).toBe(name(one));
      if (`${one} ?`.trim() !== `${other} ?`.trim()) expect(name(one)).not.toBe(name(other));
    }),
  );
});
