import { expect, test } from 'vitest';
import { digestFlag, reasonFlag, untilFlag } from './tag-flags.ts';

const now = Date.parse('2026-11-30T04:00:00Z');
const usage = expect.objectContaining({ code: 'USAGE' });

test.each([
  ['2026-12-24', '2026-12-24T00:00:00Z'],
  ['2026-12-24T18:00Z', '2026-12-24T18:00:00Z'],
  ['2026-12-24T18:00:30+01:00', '2026-12-24T17:00:30Z'],
])('%s is %s', (text, time) => {
  expect(untilFlag(text, now)).toBe(Date.parse(time) / 1000);
});

test.each([
  '2026-11-29',
  '2026-11-30T04:00Z',
  'tomorrow',
  '2026-13-01',
  '24.12.2026',
  '2026-12-24T18:00',
  '',
])('%j is no end of a hold', (text) => {
  expect(() => untilFlag(text, now)).toThrow(usage);
});

test('flags that are not given', () => {
  expect([untilFlag(undefined), reasonFlag(undefined), digestFlag('--to', undefined)]).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
});

test('a reason has text, within its bound', () => {
  expect(reasonFlag('x'.repeat(1000))).toHaveLength(1000);
  for (const text of ['', ' ', 'x'.repeat(1001)]) expect(() => reasonFlag(text)).toThrow(usage);
});

test('a digest is whole', () => {
  const digest = `sha256:${'0'.repeat(64)}`;
  expect(digestFlag('--to', digest)).toBe(digest);
  for (const text of ['sha256:00', digest.toUpperCase(), '0'.repeat(64)]) {
    expect(() => digestFlag('--to', text)).toThrow(usage);
  }
});
