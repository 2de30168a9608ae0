import { expect, test } from 'vitest';
import { ageText, shortDigest, sizeText, tableLines } from './format-table.ts';

test('columns are as wide as their content, and rows as the terminal', () => {
  const rows = [
    ['hat', '1.2 MB'],
    ['a-long-name', '3 B'],
  ];
  const whole = ['NAME         SIZE', 'hat          1.2 MB', 'a-long-name  3 B'];
  expect(tableLines(['NAME', 'SIZE'], rows, undefined)).toEqual(whole);
  expect(tableLines(['NAME', 'SIZE'], rows, 12)).toEqual(['NAME       …', 'hat        …', 'a-long-name…']);
});

test('what a package writes into a cell does not move the cursor', () => {
  expect(tableLines(['A'], [['\u001B[2Jx']], undefined)).toEqual(['A', 'x']);
});

test('sizes, ages and digests as podman shows them', () => {
  expect(['0 B', '1.5 kB', '37.8 MB']).toEqual([0, 1500, 37_800_000].map(sizeText));
  const now = new Date('2026-11-30T12:00:00Z');
  const before = (seconds: number) => ageText(new Date(now.getTime() - seconds * 1000), now);
  expect([0, 61, 7200, 4 * 86_400].map(before)).toEqual([
    '0 seconds ago',
    '1 minute ago',
    '2 hours ago',
    '4 days ago',
  ]);
  expect(shortDigest(`sha256:${'0123456789abcdef'.repeat(4)}`)).toBe('0123456789ab');
});
