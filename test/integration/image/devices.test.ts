/** The same image with and without a user namespace, of packages with all that its root cannot make; and without one only where the operator has said so. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { withWorkPlace } from '../../../spec/places.ts';
import { rpmbuild } from '../../../spec/rpmbuild.ts';
import { run } from '../../../src/lib/host/exec.ts';
import { Desk, type BuildAnswer, type RunSettings } from '../../helpers/milliner.ts';
import { layersOf, listTars } from '../../helpers/oci-layout.ts';
import { leftovers } from '../../helpers/traces.ts';

let desk: Desk;
let repos: object[];
let refusing: string;
let first: BuildAnswer;
const epoch = 1_704_067_200;

beforeAll(async () => {
  desk = await Desk.open();
  const baseurl = await desk.repository('packages', ['tiny-base', 'tiny-app']);
  repos = [{ name: 'devices', baseurl, gpgcheck: false }];
  refusing = desk.path('refusing');
  await run('gcc', ['-static', '-O1', '-o', refusing, join(import.meta.dirname, '../container/refusing.c')]);
  await addRelease('1', '5');
});
afterAll(async () => {
  expect(await leftovers(desk.directory)).toEqual([]);
  await desk.remove();
});

async function addRelease(release: string, minor: string): Promise<void> {
  const sources = import.meta.dirname;
  const how = { spec: join(sources, 'devices.spec'), sources, epoch, defines: { release, minor } };
  await mkdir(desk.path('packages'), { recursive: true });
  await withWorkPlace(() => rpmbuild(how, desk.path('packages')));
}

/** What a build gives on a kernel that has none of what it takes, with its own state. */
async function built(recipe: string, lacking?: string): Promise<BuildAnswer> {
  const state = desk.path(`state-${lacking ?? 'all'}`);
  const settings: RunSettings = lacking
    ? { wrapper: [refusing, lacking], env: { MILLINER_STATE: state, MILLINER_ALLOW_HOST_ROOT: 'yes' } }
    : { env: { MILLINER_STATE: state } };
  const { code, stdout, stderr } = await desk.run(
    ['build', recipe, '--json', '--output', desk.path(`layout-${lacking ?? 'all'}`)],
    settings,
  );
  expect(code, `${stdout}${stderr}`).toBe(0);
  if (lacking) expect(stderr).toMatch(/warning: .*--allow-host-root/);
  else expect(stderr).not.toMatch(/host-root/);
  return JSON.parse(stdout) as BuildAnswer;
}

/** Mode, owners, size or device numbers, and path. */
async function listed(layout: string, tag: string, bases = 0): Promise<string[]> {
  const words = listTars(await layersOf(desk.path(layout), tag, bases), '--verbose', '--numeric-owner');
  const lines = words
    .split('\n')
    .map((line) => /^(\S+) (\S+) +(\S+) \S+ \S+ (.*)$/.exec(line)?.slice(1).join(' ') ?? '');
  return [...new Set(lines)].filter((line) => / (?:srv|dev|proc)\//.test(line)).toSorted();
}

test('each is there with the owner, mode and numbers that its package says', async () => {
  const recipe = await desk.recipe('first', { repos, packages: ['devices', 'tiny-app'], docs: false });
  first = await built(recipe);
  expect(await listed('layout-all', 'first')).toEqual(
    [
      'drwxr-xr-x 0/0 0 dev/',
      'drwx--x--- 321/0 0 dev/alone/',
      'drwxr-x--- 0/321 0 dev/alone/deep/',
      'crw-rw-rw- 0/0 1,3 dev/alone/deep/null',
      'crw-r----- 0/321 1,7 dev/alone/deep/full',
      'drwxr-xr-x 0/0 0 dev/mixed/',
      '-rw-r--r-- 0/0 5 dev/mixed/file',
      'crw------- 321/321 1,5 dev/mixed/zero',
      'drwxr-xr-x 0/0 0 dev/unlisted/',
      'cr--r--r-- 0/0 1,8 dev/unlisted/random',
      'dr-xr-xr-x 0/0 0 proc/',
      'drwxr-xr-x 0/0 0 srv/',
      'drwxr-xr-x 0/0 0 srv/capable/',
      '-rwsr-xr-x 321/0 5 srv/capable/file',
      'drwxr-s--- 0/0 0 srv/files/',
      '-rw-r--r-- 321/321 5 srv/files/file',
    ].toSorted(),
  );
  const { report } = await desk.json<{ report: { verification: { path: string }[] } }>([
    'inspect',
    'first',
    '--state',
    desk.path('state-all'),
  ]);
  const explained = report.verification.map(({ path }) => path);
  expect(explained.filter((path) => /^\/(?:proc|dev|srv\/capable)/.test(path))).toEqual([]);
});

test('those that nothing in a container may open are there too', async () => {
  await built(await desk.recipe('shut', { from: 'first', repos, packages: ['devices-shut'], docs: false }));
  expect(await listed('layout-all', 'shut', first.layers.length)).toEqual(
    [
      'drwxr-xr-x 0/0 0 dev/',
      'drwxr-xr-x 0/0 0 dev/shut/',
      'crw-rw-rw- 0/0 5,0 dev/shut/tty',
      'drwxr-xr-x 0/0 0 srv/',
      'drwx------ 321/321 0 srv/alone/',
      'crw-r----- 0/321 5,1 srv/alone/console',
      'lrwxrwxrwx 0/0 0 srv/linked -> real',
      'drwxr-xr-x 0/0 0 srv/real/',
      'crw----r-- 321/0 1,3 srv/real/null',
    ].toSorted(),
  );
});

test('with and without a user namespace it is the same image, byte for byte', async () => {
  const recipe = join(desk.recipes, 'first.yaml');
  const { manifestDigest } = await built(recipe);
  expect((await built(recipe, 'idmap')).manifestDigest).toBe(manifestDigest);
});

test('on a base too, whose nodes an update takes for others', async () => {
  await addRelease('2', '7');
  const recipe = await desk.recipe('second', {
    from: 'first',
    repos,
    packages: ['devices = 1-2'],
    docs: false,
    allow: { replace: ['devices'] },
  });
  const { manifestDigest } = await built(recipe);
  expect(await listed('layout-all', 'second', first.layers.length)).toContain(
    'crw------- 321/321 1,7 dev/mixed/zero',
  );
  expect((await built(recipe, 'idmap')).manifestDigest).toBe(manifestDigest);
});

test.each(['idmap', 'userns'])('a kernel without %s is not used unless that is allowed', async (lacking) => {
  const recipe = join(desk.recipes, 'first.yaml');
  const args = ['build', recipe, '--state', desk.path('state-refused')];
  const error = await desk.fails(args, { wrapper: [refusing, lacking] });
  expect(error).toMatchObject({ code: 'HOST_ROOT_SHARED', exit: 8 });
  expect(error.hint).toContain('--allow-host-root');
});
