import { expect, test } from 'vitest';
import { harmless, nightReport } from '../../../test/helpers/night-report.ts';
import { nightReportSchema, parseNightReport } from './night-report.ts';

const sample = nightReport(harmless);
const parse = (value: unknown) => parseNightReport(JSON.stringify(value), 'night.json');

test('a stored report is read as it was written', () => {
  const report = parse(sample);
  expect(parse(report)).toEqual(report);
  expect(report.images.map(({ outcome }) => outcome)).toEqual([
    'published',
    'published',
    'failed',
    'held',
    'quarantined',
    'skipped',
    'unchanged',
  ]);
  expect(report.images[2]).toMatchObject({ packages: [], failure: { code: 'BOOT_FAILED' } });
});

test('a text that is too long is cut, once', () => {
  const long = nightReport((field) =>
    field === 'entry' ? `${'x'.repeat(3999)}\u{1F3A9}${'y'.repeat(9)}` : field,
  );
  const report = parse(long);
  const [entry = ''] = report.images[0]!.packages[0]!.changelog;
  expect(entry).toBe(`${'x'.repeat(3999)}\uFFFD…`);
  expect(parse(report)).toEqual(report);
});

const [image] = sample.images;
test.each([
  ['no JSON', '{', 'is not JSON'],
  ['another version', { ...sample, version: 2 }, 'version'],
  ['a set that is a path', { ...sample, set: '../x' }, 'set'],
  ['a set that is two dots', { ...sample, set: '..' }, 'set'],
  ['a time without a zone', { ...sample, started: '2026-11-30T02:00:00' }, 'started'],
  ['an unknown outcome', { ...sample, images: [{ ...image, outcome: 'fine' }] }, 'outcome'],
  ['a digest that is none', { ...sample, images: [{ ...image, digest: 'sha256:12' }] }, 'digest'],
  ['a code that is none', { ...sample, images: [{ ...image, failure: { code: 'x y' } }] }, 'failure'],
  ['a name that is too long', { ...sample, images: [{ ...image, recipe: 'x'.repeat(1001) }] }, 'recipe'],
  ['no architecture', { ...sample, images: [{ ...image, arches: [] }] }, 'arches'],
  ['a negative size', { ...sample, images: [{ ...image, size: -1 }] }, 'size'],
  [
    'eight former nights',
    { ...sample, images: [{ ...image, former: Array(8).fill(image!.former![0]) }] },
    'former',
  ],
])('%s is refused', (_, value, where) => {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  expect(() => parseNightReport(text, 'night.json')).toThrow(
    expect.objectContaining({ code: 'REPORT_INVALID', message: expect.stringContaining(where) as string }),
  );
});

test('lists that are empty may be left out', () => {
  const bare = { recipe: 'one', arches: ['x86_64'], outcome: 'unchanged' };
  const report = nightReportSchema.parse({ ...sample, images: [bare] });
  expect(report.images).toEqual([
    { ...bare, reasons: [], references: [], packages: [], advisories: [], former: [] },
  ]);
});
