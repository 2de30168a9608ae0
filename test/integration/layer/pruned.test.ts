/** What scriptlets have removed, moved or only touched: layers hold it as the tree does, once or not at all. */
import { execFileSync } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { withWorkPlace } from '../../../spec/places.ts';
import { rpmbuild } from '../../../spec/rpmbuild.ts';
import type { ImageRecord } from '../../../src/pipeline/state/image-records.ts';
import { Desk, type BuildAnswer } from '../../helpers/milliner.ts';

let desk: Desk;
let built: BuildAnswer;
/** Paths of each layer, as tar lists them. */
let layers: string[][];

beforeAll(async () => {
  desk = await Desk.open();
  const packages = await desk.repository('packages', ['tiny-base']);
  await mkdir(packages, { recursive: true });
  const sources = import.meta.dirname;
  const how = { spec: join(sources, 'prune.spec'), sources, epoch: 1_704_067_200 };
  await withWorkPlace(() => rpmbuild(how, packages));
  const repos = [{ name: 'packages', baseurl: packages, gpgcheck: false }];
  const recipe = await desk.recipe('pruned', { repos, packages: ['prune'] });
  built = await desk.build(recipe, '--output', desk.path('layout'));
  layers = built.layers.map(({ digest }) => pathsOf(desk.path('layout/blobs', ...digest.split(':'))));
});
afterAll(() => desk.remove());

function pathsOf(blob: string): string[] {
  return execFileSync('tar', ['--zstd', '-tf', blob]).toString().trim().split('\n');
}

const holding = (path: string) => layers.filter((paths) => paths.includes(`usr/share/prune/${path}`)).length;

test.each(['removed/', 'removed/a', 'removed/sub/b', 'moved/c', 'emptied/sub/', 'emptied/sub/d'])(
  '%s is in no layer',
  (path) => expect(holding(path)).toBe(0),
);

test('none has anything where a link leads that took the place of a directory', () => {
  expect(layers.flat().filter((path) => path.startsWith('data/'))).toEqual([]);
  expect([holding('link'), holding('link/f'), holding('made-again/e')]).toEqual([1, 0, 0]);
});

test.each([
  'renamed/c',
  'made-again/new',
  'file',
  'stays/touched',
  'stays/rewritten',
  'stays/given',
  'stays/same-target',
])('%s is in one', (path) => expect(holding(path)).toBe(1));

test('what was only touched, or written as it was, has the time that its package gave it', async () => {
  const { report } = await desk.json<ImageRecord>(['inspect', 'pruned']);
  const told = [...report.state.map(({ path }) => path), ...report.verification.map(({ path }) => path)];
  for (const name of ['touched', 'rewritten', 'same-target'])
    expect(told).not.toContain(`/usr/share/prune/stays/${name}`);
});

test('the tree is the same for a build that finds all frames there, and for a fresh one', async () => {
  const recipe = join(desk.recipes, 'pruned.yaml');
  const again = await desk.build(recipe, '--state', desk.path('other'));
  expect(again.manifestDigest).toBe(built.manifestDigest);
});
