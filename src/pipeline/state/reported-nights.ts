/** Which nights of a set a repository on GitHub shows whole: the next run looks at the others alone. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { z } from 'zod';
import { JsonStore } from './json-store.ts';

/** As many as reports of nights are stored. */
const maxNights = 31;

/** A cache: a lost one costs requests that find everything there. */
const reportedIn = (state: string) =>
  new JsonStore(join(state, 'github'), {
    what: 'the nights that GitHub shows',
    schema: z.object({ started: z.array(z.iso.datetime()).max(maxNights) }),
    isCache: true,
  });

/** Server and repository make no file names. */
const nameOf = (place: string, set: string) =>
  createHash('sha256')
    .update(JSON.stringify([place, set]))
    .digest('hex');

/** When each of them has started. */
export async function reportedNights(state: string, place: string, set: string): Promise<Set<string>> {
  return new Set((await reportedIn(state).read(nameOf(place, set)))?.started ?? []);
}

export async function addReportedNight(
  state: string,
  place: string,
  set: string,
  started: string,
): Promise<void> {
  const before = await reportedNights(state, place, set);
  const newest = [...before.add(started)].toSorted().slice(-maxNights);
  await reportedIn(state).write(nameOf(place, set), { started: newest });
}
