/** The reports of nights that a state keeps: a month in full, a year without changelogs. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eachNight, lastNights, rememberNight } from '../../../src/pipeline/state/nights.ts';
import { nightReportSchema } from '../../../src/stages/report/night-report.ts';
import { harmless, nightReport } from '../../helpers/night-report.ts';

let state: string;
beforeAll(async () => {
  state = await mkdtemp(join(tmpdir(), 'milliner-nights-'));
});
afterAll(() => rm(state, { recursive: true }));

const nightOf = (day: number) => {
  const started = new Date(Date.UTC(2026, 0, day, 2)).toISOString();
  return nightReportSchema.parse({ ...nightReport(harmless), started });
};

test('the 32nd last has its packages, but no changelogs, and the others are whole', async () => {
  for (let day = 1; day <= 33; day++) await rememberNight(state, nightOf(day));
  const nights = await Array.fromAsync(eachNight(state, 'fedora'));
  const entries = nights.map(({ images }) => images[0]!.packages[0]!.changelog.length);
  expect(entries).toEqual([0, 0, ...Array.from({ length: 31 }, () => 2)]);
  expect(nights[0]!.images[0]!.packages).toHaveLength(2);
  expect(await lastNights(state, 'fedora', 7)).toEqual(nights.slice(-7));
});

test('the 401st last is gone', async () => {
  for (let day = 34; day <= 401; day++) await rememberNight(state, nightOf(day));
  const nights = await Array.fromAsync(eachNight(state, 'fedora'));
  expect(nights.map(({ started }) => started)).toEqual(
    Array.from({ length: 400 }, (_, index) => nightOf(index + 2).started),
  );
});
