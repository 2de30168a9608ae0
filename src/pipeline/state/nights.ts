/** The reports of former nights, by set: for trends, and to be rendered again. */
import { join } from 'node:path';
import { readdirIfThere } from '../../lib/host/files.ts';
import { nightReportSchema, reportVersion, type NightReport } from '../../stages/report/night-report.ts';
import { JsonStore } from './json-store.ts';

/** Of one set. Changelogs are most of a report, and those of a month ago are in the packages themselves. */
const maxWhole = 31;
/** A year, and what a leap day and nights started by hand add to it. */
const maxNights = 400;

const nightsOf = (state: string, set: string) =>
  new JsonStore(join(state, 'nights', set), {
    what: 'the report of a night',
    schema: nightReportSchema,
    version: reportVersion,
    hint: 'Remove the file. Only the trends in reports need it.',
  });

/** Sorts as the nights did; a file name has no colons, which some programs take for a host's name. */
const nameOf = ({ started }: Pick<NightReport, 'started'>) =>
  new Date(started).toISOString().replaceAll(':', '-');

/** A night that is taken up again replaces its own report. Returns the file's path. Throws DISK_FULL. */
export async function rememberNight(state: string, report: NightReport): Promise<string> {
  const store = nightsOf(state, report.set);
  await store.write(nameOf(report), report);
  const names = await store.names();
  for (const name of names.slice(0, -maxNights)) await store.remove(name);
  const aged = names.at(-1 - maxWhole);
  const whole = aged === undefined ? undefined : await store.read(aged);
  if (aged !== undefined && whole) await store.write(aged, withoutChangelogs(whole));
  return store.path(nameOf(report));
}

function withoutChangelogs(report: NightReport): NightReport {
  const thinned = report.images.map((image) => ({
    ...image,
    packages: image.packages.map((one) => ({ ...one, changelog: [] })),
  }));
  return { ...report, images: thinned };
}

/** The newest nights, oldest first. Throws STATE_INVALID. */
export async function lastNights(state: string, set: string, count: number): Promise<NightReport[]> {
  const store = nightsOf(state, set);
  const nights: NightReport[] = [];
  for (const name of (await store.names()).slice(-count)) {
    const night = await store.read(name);
    if (night) nights.push(night);
  }
  return nights;
}

/** All nights of a set, oldest first, one at a time. Throws STATE_INVALID. */
export function eachNight(state: string, set: string): AsyncGenerator<NightReport> {
  return nightsOf(state, set).each();
}

/** The names of all sets that had a night here. */
export async function setsWithNights(state: string): Promise<string[]> {
  return ((await readdirIfThere(join(state, 'nights'))) ?? []).toSorted();
}
