import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { run } from '../../../src/lib/host/exec.ts';
import { silent } from '../../../src/lib/host/progress.ts';
import type { Nevra } from '../../../src/lib/rpm/package.ts';
import { openRepository, type OpenedRepository } from '../../../src/stages/repo/repository.ts';
import { solve, type Solution, type SolveRequest } from '../../../src/stages/solve/solve.ts';
import { askDnf } from '../../helpers/solve/dnf.ts';
import { repositoryOf } from '../../helpers/solve/packages.ts';
import { mainSamples, updateSamples } from '../../helpers/solve/samples.ts';
import { shareOfDay } from '../../helpers/soak.ts';

let directory: string;
let paths: { main: string; updates: string };
let repositories: OpenedRepository[];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'solve-'));
  paths = {
    main: await repositoryOf(directory, 'main', mainSamples),
    updates: await repositoryOf(directory, 'updates', updateSamples),
  };
  repositories = [await open('main', paths.main), await open('updates', paths.updates)];
});
afterAll(() => rm(directory, { recursive: true }));

function open(name: string, baseurl: string, exclude: string[] = []): Promise<OpenedRepository> {
  const definition = { name, baseurl, keys: [], exclude, gpgcheck: false };
  return openRepository(definition, join(directory, 'cache'), { arch: 'x86_64', progress: silent });
}

function ask(request: Partial<SolveRequest>): Promise<Solution> {
  return solve({ arch: 'x86_64', repositories, install: [], weakDeps: false, ...request });
}

const nevra = (p: Nevra) => `${p.name}-${p.epoch}:${p.version}-${p.release}.${p.arch}`;
const named = (solution: Solution) => solution.packages.map(nevra);
const unsolvable = { code: 'SOLVE_FAILED' };

const all: { install: string[]; weakDeps?: boolean; exclude?: string[] }[] = [
  { install: ['app'] },
  { install: ['app', 'plug'] },
  { install: ['app', 'web-b'] },
  { install: ['lib'] },
  { install: ['lib-9'] },
  { install: ['lib-1:2-1.x86_64'] },
  { install: ['libx = 2'] },
  { install: ['tool'], exclude: ['tool-11~rc1'] },
  { install: ['tool'] },
  { install: ['webserver'] },
  { install: ['web*'] },
  { install: ['libweb.so.1()(64bit)'] },
  { install: ['/usr/bin/tool'] },
  { install: ['/usr/share/doc/tool'] },
  { install: ['old'] },
  { install: ['gone'] },
  { install: ['polite'], weakDeps: true },
  { install: ['polite', 'plug'], weakDeps: true, exclude: ['thanks'] },
  { install: ['polite'] },
  { install: ['reader'] },
  { install: ['picker'] },
  { install: ['red', 'blue'] },
  { install: ['broken'] },
  { install: ['both'] },
  { install: ['both.i686'] },
  { install: ['both', 'needs32'] },
  { install: ['both(x86-32)'] },
  { install: ['papers', 'foreign'] },
  { install: ['papers'], exclude: ['papers-2*'] },
  { install: ['ring-a', 'fresh'] },
  { install: ['nowhere'] },
];

const requests = shareOfDay(all, 2);

test.each(requests)('as dnf: %j', async (request) => {
  const expected = await askDnf({ repositories: paths, ...request });
  const answer = ask(request);
  if (expected === undefined) await expect(answer).rejects.toMatchObject(unsolvable);
  else expect((await answer).packages.map((p) => `${nevra(p)} ${p.repo}`)).toEqual(expected);
});

test('what a solved package says of itself', async () => {
  const { packages } = await ask({ install: ['lib'] });
  const file = join(paths.updates, 'lib-1-3-1.x86_64.rpm');
  const { stdout } = await run('sha256sum', [file]);
  expect(packages).toEqual([
    {
      name: 'lib',
      epoch: 1,
      version: '3',
      release: '1',
      arch: 'x86_64',
      repo: 'updates',
      location: 'lib-1-3-1.x86_64.rpm',
      url: `file://${file}`,
      mirrors: [],
      size: Number((await run('stat', ['-c', '%s', file])).stdout),
      checksum: { type: 'sha256', value: stdout.slice(0, 64) },
      sourceRpm: 'samples0-1-1.src.rpm',
      buildTime: 1_700_000_000,
    },
  ]);
});

test('a directory of packages gives what its metadata gives', async () => {
  const plain = join(directory, 'plain');
  await run('cp', ['-r', paths.main, plain]);
  await rm(join(plain, 'repodata'), { recursive: true });
  const directories = [await open('main', plain), await open('updates', paths.updates)];
  for (const request of requests) {
    const [a, b] = await Promise.allSettled([ask(request), ask({ ...request, repositories: directories })]);
    expect(b.status).toBe(a.status);
    if (a.status !== 'fulfilled' || b.status !== 'fulfilled') continue;
    const bare = (s: Solution) => s.packages.map((p) => ({ ...p, location: '', url: '' }));
    expect(bare(b.value)).toEqual(bare(a.value));
  }
});

test('rich dependencies can be asked for', async () => {
  expect(named(await ask({ install: ['(web-b and plug)'] }))).toEqual([
    'plug-0:1-1.x86_64',
    'web-b-0:1-1.x86_64',
  ]);
  await expect(ask({ install: ['(web-b and'] })).rejects.toMatchObject(unsolvable);
});

test('a weak dependency never brings in what cannot work', async () => {
  expect(named(await ask({ install: ['pass'], weakDeps: true }))).toEqual(['pass-0:1-1.x86_64']);
});

test('members of groups: left out where nobody has them or their condition does not hold', async () => {
  const members = [{ name: 'nowhere' }, { name: 'web-b' }, { name: 'extra', onlyWith: 'plug' }];
  const without = await ask({ members });
  expect(named(without)).toEqual(['web-b-0:1-1.x86_64']);
  expect(without.skipped).toEqual(['nowhere']);
  expect(named(await ask({ members, install: ['plug'] }))).toContain('extra-0:1-1.x86_64');
  expect((await ask({ members, exclude: ['web-b'] })).skipped).toEqual(['nowhere', 'web-b']);
});

test('what the parent has installed stays unless something needs it newer', async () => {
  const installed = ['lib-1-2-1.x86_64', 'web-a-0-1-1.x86_64', 'old-0-1-1.x86_64'].map((name) =>
    join(paths.main, `${name}.rpm`),
  );
  expect(await ask({ installed, install: ['lib', 'web*', 'webserver'] })).toMatchObject({ removed: [] });
  expect(named(await ask({ installed, install: ['lib', 'webserver', 'old'] }))).toEqual([]);
  const updated = await ask({ installed, install: ['fresh'] });
  expect(named(updated)).toEqual(['fresh-0:1-1.x86_64', 'lib-1:3-1.x86_64']);
  expect(updated.removed.map(nevra)).toEqual(['lib-1:2-1.x86_64']);
  const replaced = await ask({ installed, install: ['new'] });
  expect(named(replaced)).toEqual(['new-0:2-1.x86_64']);
  expect(replaced.removed.map(nevra)).toEqual(['old-0:1-1.x86_64']);
  const red = [join(paths.main, 'red-0-1-1.x86_64.rpm')];
  await expect(ask({ installed: red, install: ['blue'] })).rejects.toMatchObject(unsolvable);
});

test('excludes of one repository, priorities, and names of repositories', async () => {
  const [main, updates] = [await open('main', paths.main), await open('updates', paths.updates, ['lib'])];
  expect(named(await ask({ install: ['lib'], repositories: [main, updates] }))).toEqual(['lib-1:2-1.x86_64']);
  const preferred = { ...main, definition: { ...main.definition, priority: 1 } };
  const request = { install: ['web-a'], repositories: [preferred, updates] };
  expect(named(await ask(request))).toEqual(['web-a-0:1-1.x86_64']);
  await expect(ask({ repositories: [main, main] })).rejects.toMatchObject({ code: 'RECIPE_INVALID' });
});

test('problems name what is in the way', async () => {
  const problemsOf = async (request: Partial<SolveRequest>) => {
    const error: unknown = await ask(request).catch((cause: unknown) => cause);
    expect(error).toMatchObject(unsolvable);
    return (error as { details: { problems: string[][] } }).details.problems.flat().join('\n');
  };
  expect(await problemsOf({ install: ['broken'] })).toMatch(/nothing-here.*broken-too-1-1/);
  expect(await problemsOf({ install: ['red', 'blue'] })).toMatch(/red-1-1.*blue/);
  expect(await problemsOf({ install: ['plug'], exclude: ['plug'] })).toContain('excluded');
  expect(await problemsOf({ install: ['foreign'] })).toContain('architecture');
  const several = await problemsOf({ install: ['nowhere', 'nobody', 'app'] });
  expect(several).toMatch(/nobody[^]*nowhere/);
});

test('a pin holds for dependencies too', async () => {
  for (const [pin, expected] of [
    ['9', 'lib-0:9-1'],
    ['0:9-*', 'lib-0:9-1'],
    ['1:2', 'lib-1:2-1'],
    ['3-1', 'lib-1:3-1'],
  ]) {
    expect(named(await ask({ install: ['libx'], pins: { lib: pin! } }))).toEqual([`${expected}.x86_64`]);
  }
  await expect(ask({ install: ['app'], pins: { lib: '9' } })).rejects.toMatchObject(unsolvable);
  // Nobody can meet this one, whether or not lib is wanted.
  const unmet = ask({ install: ['papers'], pins: { lib: '4', 'no-such-package': '1' } });
  await expect(unmet).rejects.toMatchObject({ details: { problems: [[expect.stringContaining('9-1')]] } });
});
