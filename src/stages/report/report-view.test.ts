import { expect, test } from 'vitest';
import { harmless, nightReport } from '../../../test/helpers/night-report.ts';
import { showDuration, showSize, showTrend } from './amounts.ts';
import { withFormer } from './former-nights.ts';
import { nightReportSchema, type NightReport } from './night-report.ts';
import { reportView } from './report-view.ts';

const sample = nightReportSchema.parse(nightReport(harmless));
const view = reportView(sample);

test('a recipe whose boots are often flaky is told so', () => {
  const [, second] = sample.images;
  const told = (flaky: number) => {
    const boot = { readySeconds: 1, retries: 1, history: { boots: 20, failed: 0, flaky } };
    return reportView({ ...sample, images: [{ ...second!, boot }] }).flaky[0]!.retries;
  };
  expect(told(1)).toBe('passed after 1 retry');
  expect(told(3)).toBe('passed after 1 retry; 3 of its last 20 boots were flaky');
});

test('what people need first is there', () => {
  expect(view.headline).toBe(
    '2 published, 1 unchanged, 1 failed, 1 held, 1 quarantined, 1 skipped, 1 of them flaky',
  );
  expect(view.duration).toBe('12 min 30 s');
  expect(view.failed).toEqual([
    {
      recipe: 'recipe-three',
      stage: 'stage (arch)',
      code: 'BOOT_FAILED',
      message: 'message',
      hint: 'hint',
      log: ['log'],
    },
  ]);
  expect(view.flaky).toEqual([{ recipe: 'recipe-two', retries: 'passed after 2 retries' }]);
  expect(view.quarantined).toEqual([{ recipe: 'recipe-five', nights: '3', cause: 'BOOT_FAILED: message' }]);
  expect(view.published[0]).toMatchObject({
    update: '1.3 MB',
    size: '50.0 MB (median of 1 night: 49.0 MB, +2%)',
    boot: '0.50 s (median of 1 night: 0.40 s, +25%)',
    reasons: ['old -> new (reason)', 'its base base changed', 'its recipe changed'],
  });
});

test('a package and an advisory are told once, with every image that has them', () => {
  const images = ['recipe-one', 'recipe-two'];
  expect(view.packages).toEqual([
    { name: 'openssl', arch: 'x86_64', change: '1-1 -> 1-2', images, changelog: ['entry', 'note'] },
    { name: 'zlib', arch: 'x86_64', change: '2-1 added', images, changelog: [] },
  ]);
  expect(view.advisories).toEqual([
    { id: 'FEDORA-1', severity: 'severity', cves: ['CVE', 'cve'], title: 'title', images },
  ]);
});

test('the most severe advisory comes first; of a long changelog the newest entries are shown', () => {
  const [image] = sample.images;
  const advisory = (id: string, severity: string) => ({ id, severity, cves: [] });
  const advisories = [
    advisory('A', 'Low'),
    advisory('D', 'None'),
    advisory('C', 'Critical'),
    advisory('B', 'Low'),
  ];
  const packages = [
    { ...image!.packages[0]!, changelog: Array.from({ length: 25 }, (_, at) => `entry ${at}`) },
  ];
  const long = reportView({ ...sample, images: [{ ...image!, advisories, packages }] });
  expect(long.advisories.map(({ id }) => id)).toEqual(['C', 'A', 'B', 'D']);
  expect(long.packages[0]!.changelog.slice(19)).toEqual(['entry 19', 'and 5 earlier entries']);
});

test('the cases of JUnit count as the images do', () => {
  expect(view.junit).toMatchObject({ tests: '7', failures: '1', skipped: '3', time: '750.000' });
  expect(view.junit.cases.map(({ skips }) => skips[0])).toEqual([
    undefined,
    undefined,
    undefined,
    'held: held',
    'quarantined after 3 failed nights: BOOT_FAILED: message',
    'BOOT_FAILED: message',
    undefined,
  ]);
});

test.each([
  [0, '0 B'],
  [999, '999 B'],
  [1_300_000, '1.3 MB'],
  [42_900_000_000_000_000, '42900.0 TB'],
])('%i bytes are %s', (bytes, shown) => expect(showSize(bytes)).toBe(shown));

test.each([
  [-5, '0 s'],
  [59_400, '59 s'],
  [60_000, '1 min 0 s'],
  [7_260_000, '2 h 1 min'],
])('%i ms are %s', (time, shown) => expect(showDuration(time)).toBe(shown));

test.each([
  [[], '4'],
  [[undefined], '4'],
  [[2, undefined, 8, 4], '4 (median of 3 nights: 4, 0%)'],
  [[5, 3], '4 (median of 2 nights: 4, 0%)'],
  [[8], '4 (median of 1 night: 8, -50%)'],
  [[0], '4 (median of 1 night: 0)'],
])('4 after %j', (former, shown) => expect(showTrend(4, former, String)).toBe(shown));

test('the trend is of the seven nights before, and of this image alone', () => {
  const night = (day: number): NightReport => ({
    ...sample,
    started: `2026-11-${String(day).padStart(2, '0')}T02:00:00Z`,
    images: [{ ...sample.images[0]!, size: day }, { ...sample.images[6]! }],
  });
  const nights = Array.from({ length: 10 }, (_, index) => night(index + 15));
  const { images } = withFormer(night(22), nights);
  expect(images[0]!.former.map(({ size }) => size)).toEqual([15, 16, 17, 18, 19, 20, 21]);
  expect(images[1]!.former).toEqual([]);
});
