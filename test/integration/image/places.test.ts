/** What packages carry in /dev, /sys and /var/log is in the image, whatever was mounted or written there; nothing else is. */
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { withWorkPlace } from '../../../spec/places.ts';
import { rpmbuild } from '../../../spec/rpmbuild.ts';
import { Desk, type BuildAnswer } from '../../helpers/milliner.ts';
import { layersOf, listTars } from '../../helpers/oci-layout.ts';
import { leftovers } from '../../helpers/traces.ts';

let desk: Desk;
let base: BuildAnswer;
const layout = () => desk.path('layout');

beforeAll(async () => {
  desk = await Desk.open();
  const baseurl = await desk.repository('packages', ['tiny-base']);
  const sources = import.meta.dirname;
  const how = { spec: join(sources, 'places.spec'), sources, epoch: 1_704_067_200 };
  await mkdir(baseurl, { recursive: true });
  await withWorkPlace(() => rpmbuild(how, baseurl));
  expect(await readdir(baseurl)).toHaveLength(4);
  const repos = [{ name: 'places', baseurl, gpgcheck: false }];
  const first = await desk.recipe('first', { repos, packages: ['places'] });
  base = await desk.build(first, '--output', layout());
  const second = await desk.recipe('second', { from: 'first', repos, packages: ['places-touched'] });
  await desk.build(second, '--output', layout());
});
afterAll(async () => {
  expect(await leftovers(desk.directory)).toEqual([]);
  await desk.remove();
});

/** Mode, size or device numbers, and path; whiteouts too. */
async function listed(tag: string, place: RegExp, bases = 0): Promise<string[]> {
  const words = listTars(await layersOf(layout(), tag, bases), '--verbose', '--numeric-owner');
  return words
    .split('\n')
    .map((line) => /^(\S+) \S+ +(\S+) \S+ \S+ (.*)$/.exec(line)?.slice(1).join(' ') ?? '')
    .filter((line) => place.test(line))
    .toSorted();
}

test('files of packages in /dev and /sys are in the image, and what scriptlets leave there is not', async () => {
  expect(await listed('first', / (?:dev|sys)\/./)).toEqual(
    [
      '-rw-r--r-- 4 sys/places/file',
      '-rw-r--r-- 7 dev/places/deep/file',
      'crw------- 1,3 dev/places/null',
      'drwxr-x--- 0 dev/places/',
      'drwxr-xr-x 0 dev/places/deep/',
      'drwxr-xr-x 0 sys/places/',
      'lrwxrwxrwx 0 dev/places/link -> deep/file',
    ].toSorted(),
  );
});

test('a log that a package carries stays with what was written to it, a ghost without, a link as it is', async () => {
  const lines = await listed('first', / var\/log\/places\/./);
  expect(lines.toSorted()).toEqual([
    '-rw------- 0 var/log/places/ghost',
    '-rw-r--r-- 19 var/log/places/config',
    '-rw-r--r-- 9 var/log/places/config',
    '-rw-r--r-- 9 var/log/places/owned',
    'lrwxrwxrwx 0 var/log/places/access -> /dev/stdout',
  ]);
});

test("what the base's packages carry stays in the image on it", async () => {
  const lines = await listed('second', / var\/(?:log|cache)\/places\/./, base.layers.length);
  expect(lines).toEqual([
    '-rw------- 9 var/log/places/owned',
    '-rw-r--r-- 25 var/log/places/config',
    '-rw-r--r-- 6 var/cache/places/index',
  ]);
});

test('the memory of a transaction is what the recipe says', async () => {
  const repos = [{ name: 'places', baseurl: desk.path('packages'), gpgcheck: false }];
  const recipe = (memory?: string) =>
    desk.recipe('greedy', { repos, packages: ['places-greedy'], install: { memory } });
  const error = await desk.fails(['build', await recipe('40M')]);
  expect(error).toMatchObject({ code: 'LIMIT_EXCEEDED', exit: 7 });
  expect(error.details).toMatchObject({ limit: 'memory', package: 'places-greedy-1-1.noarch' });
  await desk.build(await recipe('400M'));
});

test("the recipe's directories, links and files are placed on a base, and told as the recipe's", async () => {
  const recipe = await desk.recipe('third', {
    from: 'first',
    directories: [{ path: '/data/app', mode: '0750' }],
    symlinks: [{ path: '/srv/data', target: '../data/app' }],
    files: [{ path: '/data/app/file', content: 'words' }],
  });
  await desk.build(recipe, '--output', layout());
  expect(await listed('third', / (?:data|srv)/, base.layers.length)).toEqual([
    '-rw-r--r-- 5 data/app/file',
    'drwxr-x--- 0 data/app/',
    'drwxr-xr-x 0 data/',
    'drwxr-xr-x 0 srv/',
    'lrwxrwxrwx 0 srv/data -> ../data/app',
  ]);
  const { report } = await desk.json<{ report: { state: { path: string; why: string }[] } }>([
    'inspect',
    'third',
  ]);
  for (const path of ['/data/app', '/srv/data', '/data/app/file'])
    expect(report.state.find((one) => one.path === path)).toMatchObject({ why: 'recipe' });
});

test("the database's directory is rpm's", async () => {
  const { report } = await desk.json<{ report: { state: { path: string; why: string }[] } }>([
    'inspect',
    'greedy',
  ]);
  const whys = report.state.filter(({ path }) => /^\/usr\/lib\/sysimage(?:\/rpm)?(?:\/|$)/.test(path));
  expect(whys.every(({ why }) => why === 'rpm')).toBe(true);
});
