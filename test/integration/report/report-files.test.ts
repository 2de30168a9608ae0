/** Where reports are written, and what is remembered of former nights. */
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { silent } from '../../../src/lib/host/progress.ts';
import { reportPath, writeReport } from '../../../src/pipeline/report/report-file.ts';
import { readReport } from '../../../src/pipeline/report/render-night.ts';
import { sendReports } from '../../../src/pipeline/report/send-reports.ts';
import { lastNights, setsWithNights } from '../../../src/pipeline/state/nights.ts';
import { harmless, nightReport } from '../../helpers/night-report.ts';

let place: string;
let directory: string;
beforeEach(async () => {
  place = await mkdtemp(join(tmpdir(), 'milliner-reports-'));
  directory = join(place, 'set');
  await mkdir(directory);
  await mkdir(join(place, 'outside'));
});
afterEach(() => rm(place, { recursive: true }));

const day = '2026-11-30';

test.each([
  ['night.md', 'night.md'],
  ['nights/{{date}}/night-{{date}}.md', `nights/${day}/night-${day}.md`],
  ['a/../night.md', 'night.md'],
])('%s is %s', (file, path) => {
  expect(reportPath(directory, file, day)).toBe(join(directory, path));
});

test.each([
  ['../night.md', 'FILE_OUTSIDE'],
  ['nights/../../night.md', 'FILE_OUTSIDE'],
  ['link/night.md', 'FILE_OUTSIDE'],
  ['{{set}}.md', 'USAGE'],
  ['a\0b', 'USAGE'],
])('%j is refused with %s', async (file, code) => {
  await symlink(join(place, 'outside'), join(directory, 'link'));
  expect(() => reportPath(directory, file, day)).toThrow(expect.objectContaining({ code }) as Error);
});

test('an absolute path is taken, unless others can write to its directory', async () => {
  const path = join(place, 'outside', '{{date}}.md');
  expect(reportPath(directory, path, day)).toBe(join(place, 'outside', `${day}.md`));
  await mkdir(join(place, 'open'));
  await chmod(join(place, 'open'), 0o777);
  expect(() => reportPath(directory, join(place, 'open', 'x.md'), day)).toThrow(
    expect.objectContaining({ code: 'PLACE_UNSAFE' }) as Error,
  );
});

test('a report is written whole, over a link too, and not over a directory', async () => {
  const target = join(place, 'outside', 'target');
  await writeFile(target, 'untouched');
  await symlink(target, join(directory, 'night.md'));
  await writeReport(join(directory, 'night.md'), 'a night\n');
  expect([await readFile(join(directory, 'night.md'), 'utf8'), await readFile(target, 'utf8')]).toEqual([
    'a night\n',
    'untouched',
  ]);
  await mkdir(join(directory, 'folder'));
  const code = 'OUTPUT_UNUSABLE';
  await expect(writeReport(join(directory, 'folder'), 'x')).rejects.toMatchObject({ code });
  await expect(writeReport(join(directory, 'night.md/x'), 'x')).rejects.toMatchObject({ code });
  expect(await readdir(directory)).toEqual(['folder', 'night.md']);
});

const night = (started: string, size: number) => {
  const { images, ...rest } = nightReport(harmless);
  return { ...rest, started, finished: started, images: [{ ...images[0]!, size, former: [] }] };
};
const send = (input: ReturnType<typeof night>) =>
  sendReports({ state: place, progress: silent, signal: undefined }, directory, [], input);

test('a night is remembered with the trend of those before; one that is taken up again counts once', async () => {
  for (let at = 1; at <= 9; at++) await send(night(`2026-11-0${at}T02:00:00Z`, at * 1000));
  const again = await send(night('2026-11-09T02:00:00Z', 9500));
  expect(again.report.images[0]!.former.map(({ size }) => size)).toEqual([
    2000, 3000, 4000, 5000, 6000, 7000, 8000,
  ]);
  const last = await lastNights(place, 'fedora', 2);
  expect(last.map(({ images }) => images[0]!.size)).toEqual([8000, 9500]);
  expect(await readReport(again.stored)).toEqual(again.report);
  expect(await setsWithNights(place)).toEqual(['fedora']);
});
