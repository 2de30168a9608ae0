/**
 * Packages that are wrong in one way, and right in all else, so that they get as far as that can: each is refused by
 * a code, or makes the image that rpm makes of it alone. None leaves a trace where it does not belong.
 */
import { existsSync } from 'node:fs';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { withWorkPlace } from '../../../spec/places.ts';
import { rpmbuild } from '../../../spec/rpmbuild.ts';
import { errorTable } from '../../../src/lib/errors/error.ts';
import { leftovers } from '../../helpers/traces.ts';
import { contentMutations } from './contents.ts';
import { Draft, type Mutation } from './draft.ts';
import { entryMutations } from './entries.ts';
import { flagMutations } from './flags.ts';
import { hardLinkMutations } from './hardlinks.ts';
import { identityMutations } from './identity.ts';
import { pathMutations } from './paths.ts';
import { payloadMutations } from './payloads.ts';
import { placeMutations } from './places.ts';
import { randomMutations } from './random.ts';
import { Trials } from './trial.ts';
import { typeMutations } from './types.ts';
import { escaped, outside } from './outside.ts';
import { shareOfDay, soak } from '../../helpers/soak.ts';

const named: Mutation[] = [
  ['nothing', 'built', () => {}],
  ...pathMutations,
  ...placeMutations,
  ...contentMutations,
  ...typeMutations,
  ...hardLinkMutations,
  ...flagMutations,
  ...entryMutations,
  ...payloadMutations,
  ...identityMutations,
];
const all = [...named, ...randomMutations(40)];
/** What once went wrong is tried in every run, and of those that make an image a few. */
const once = new Set([
  'a directory without its slash',
  'a file in /proc',
  'hard links of other times',
  'an owner of no name',
  'an owner of 70000 letters',
  'a package name of 300 letters',
  'a scriptlet that fails after many words',
]);
const images = all.filter(([name, ended]) => ended === 'built' && !once.has(name));
const some = new Set(shareOfDay(images, Math.ceil(images.length / 3)));
const chosen = soak ? all : all.filter((one) => once.has(one[0]) || some.has(one));

let trials: Trials;
let sound: Buffer;
let neighbour: string;

beforeAll(async () => {
  trials = await Trials.open();
  const packages = join(trials.directory, 'packages');
  const sources = import.meta.dirname;
  const how = { spec: join(sources, 'mutant.spec'), sources, epoch: 1_704_067_200, defines: { outside } };
  await withWorkPlace(() => rpmbuild(how, packages));
  sound = await readFile(join(packages, 'mutant-1-1.noarch.rpm'));
  neighbour = join(packages, 'mutant-neighbour-1-1.noarch.rpm');
  await writeFile(join(outside, 'passwd'), 'root:x:0:0::/:\n');
});
afterEach(async () => {
  expect(await readdir(outside)).toEqual(['passwd']);
  expect(await readFile(join(outside, 'passwd'), 'utf8')).toBe('root:x:0:0::/:\n');
  const places = [...ancestors(trials.directory), '/etc', '/tmp', '/var/tmp'];
  expect(places.filter((place) => existsSync(join(place, escaped)))).toEqual([]);
});
afterAll(async () => {
  const left = await leftovers(trials.directory);
  await trials.close();
  await rm(outside, { recursive: true, force: true });
  expect(left).toEqual([]);
});

function ancestors(path: string): string[] {
  return path === '/' ? [path] : [path, ...ancestors(dirname(path))];
}

/** What tells nobody what to do, or that something hung. */
const bad = new Set(['INTERNAL', 'COMMAND_FAILED', 'INTERRUPTED', 'LIMIT_EXCEEDED']);

test.each(chosen)('%s: %s', async (_name, ended, change) => {
  const draft = new Draft(sound);
  change(draft);
  const { code = 'built', message = '', differences } = await trials.run(draft.bytes(), [neighbour]);
  expect(differences).toEqual([]);
  if (ended === 'any') expect(bad.has(code), message).toBe(false);
  else expect(code, message).toBe(ended);
  // People know packages by their names, not by where they lie.
  if (code !== 'built') expect(errorTable).toHaveProperty(code);
  expect(message).not.toContain(join(trials.directory, 'state'));
});

test('none of them takes much memory', () => {
  const limit = 1024 ** 2;
  expect(process.resourceUsage().maxRSS).toBeLessThan(limit);
});
