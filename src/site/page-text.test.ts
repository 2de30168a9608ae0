import { expect, test } from 'vitest';
import { pageText, pageTexts } from './page-text.ts';

test.each([
  ['plain <b> & "text"', 'plain <b> & "text"'],
  ['\u001b[31mred\u0007', '\uFFFD[31mred\uFFFD'],
  ['exe\u202Egpj.txt', 'exe\uFFFDgpj.txt'],
  ['\u2066isolated\u2069', '\uFFFDisolated\uFFFD'],
  ['a\u2028b', 'a\uFFFDb'],
  ['\ud800 alone', '\uFFFD alone'],
  ['\uFFFE', '\uFFFD'],
  ['שלום', 'שלום'],
  ['one\r\ntwo', 'one\ntwo'],
])('%j', (text, expected) => expect(pageText(text)).toBe(expected));

test('a line of a megabyte is cut, and says by how much', () => {
  const shown = pageText('x'.repeat(1 << 20));
  expect(shown.length).toBeLessThan(1600);
  expect(shown).toContain(String((1 << 20) - 1500));
});

test('every string of a view is cleaned, and the view stays as it was', () => {
  const view = { a: ['x', { b: '\u202E' }], c: 1, d: null, e: { f: 'y' } };
  const shown = pageTexts(view);
  expect(shown).toEqual({ a: ['x', { b: '\uFFFD' }], c: 1, d: null, e: { f: 'y' } });
  expect(view.a[1]).toEqual({ b: '\u202E' });
  expect(shown.e).toBe(view.e);
});
