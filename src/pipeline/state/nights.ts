/** The reports of former nights, by set: for trends, and to be rendered again. */
import { join } from 'node:path';
import { readdirIfThere } from '../../lib/host/files.ts';
import { nightReportSchema, reportVersion, type NightReport } from '../../stages/report/night-report.ts';
import { JsonStore } from './json-store.ts';

/** Of one set. A month tells when a failure began. */
const maxNights = 31;

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
  return store.path(nameOf(report));
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

/** The names of all sets that had a night here. */
export async function setsWithNights(state: string): Promise<string[]> {
  return ((await readdirIfThere(join(state, 'nights'))) ?? []).toSorted();
}
