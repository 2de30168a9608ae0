/** Advisories for images and locks, from repositories with updateinfo. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { run } from '../../../src/lib/host/exec.ts';
import type { AdvisoriesReport } from '../../../src/pipeline/report/advisories.ts';
import { addUpdateinfo } from '../../helpers/add-updateinfo.ts';
import { Desk } from '../../helpers/milliner.ts';
import { repositoryOf } from '../../helpers/solve/packages.ts';

let desk: Desk;
beforeAll(async () => {
  desk = await Desk.open();
});
afterAll(() => desk.remove());

const ids = ({ advisories }: AdvisoriesReport) => advisories.map(({ id }) => id);

test('of locks: what is newer, by urgency, and what another lock fixes', async () => {
  const [old, updates] = [
    [{ name: 'tool' }, { name: 'lib' }],
    [{ name: 'tool', version: '2' }, { name: 'lib' }],
  ];
  const packages = {
    old: await repositoryOf(desk.directory, 'old', old),
    new: await repositoryOf(desk.directory, 'new', updates),
  };
  await addUpdateinfo(packages.new, [
    { id: 'A-lib', type: 'bugfix', severity: 'None', packages: ['lib-9-1.x86_64'] },
    { id: 'A-low', type: 'security', severity: 'Low', packages: ['tool-2-1.x86_64'] },
    {
      id: 'A-high',
      type: 'security',
      severity: 'Critical',
      bug: 'CVE-2026-1234 tool',
      packages: ['tool-2-1.x86_64', 'lib-9-1.x86_64'],
    },
    { id: 'A-past', type: 'security', severity: 'Critical', packages: ['tool-0-1.x86_64', 'tool-3-1.i686'] },
  ]);
  for (const [name, baseurl] of Object.entries(packages)) {
    const repos = [{ name: 'samples', baseurl, gpgcheck: false }];
    await desk.recipe(name, { repos, packages: ['tool', 'lib'], arches: ['x86_64'] });
    await desk.json(['lock', name]);
  }
  const ask = (...flags: string[]) =>
    desk.json<AdvisoriesReport>(['advisories', 'recipes/old.lock.json', '--arch', 'x86_64', ...flags]);
  expect(await ask()).toEqual({
    name: 'old',
    arch: 'x86_64',
    repositories: { samples: null },
    advisories: [],
  });
  const all = await ask('--recipe', 'new');
  expect(ids(all)).toEqual(['A-high', 'A-low', 'A-lib']);
  expect(all.repositories).toEqual({ samples: 4 });
  expect(all.advisories[0]).toMatchObject({
    cves: ['CVE-2026-1234'],
    packages: [
      { installed: 'tool-1-1.x86_64', fixed: 'tool-2-1.x86_64', suggests: ['reboot'] },
      { installed: 'lib-1-1.x86_64', fixed: 'lib-9-1.x86_64' },
    ],
  });
  expect(ids(await ask('--recipe', 'new', '--severity', 'low', '--severity', 'none'))).toEqual([
    'A-low',
    'A-lib',
  ]);
  expect(ids(await ask('--recipe', 'new', '--cve', 'cve-2026-1234'))).toEqual(['A-high']);
  const fixed = await ask('--recipe', 'new', '--fixed-by', 'recipes/new.lock.json');
  expect(ids(fixed)).toEqual(['A-high', 'A-low']);
  expect(fixed.advisories.flatMap((one) => one.packages).map((one) => one.fixed)).toEqual([
    'tool-2-1.x86_64',
    'tool-2-1.x86_64',
  ]);
  const { stdout } = await desk.run(['advisories', 'old', '--arch', 'x86_64', '--recipe', 'new']);
  for (const words of [
    'A-high  Critical/Sec.',
    'CVE-2026-1234',
    'tool-1-1.x86_64 -> tool-2-1.x86_64',
    'A-lib  bugfix',
  ]) {
    expect(stdout).toContain(words);
  }
});

test('of two versions side by side, in both locks, what the newer gives way to', async () => {
  const kernel = (version: string) => ({ name: 'kern', version, Provides: 'installonlypkg(kernel)' });
  const baseurl = await repositoryOf(desk.directory, 'kernels', ['1', '2', '3'].map(kernel));
  await addUpdateinfo(baseurl, [
    { id: 'K-two', type: 'security', severity: 'Low', packages: ['kern-2-1.x86_64'] },
    { id: 'K-three', type: 'security', severity: 'Low', packages: ['kern-3-1.x86_64'] },
  ]);
  const repos = [{ name: 'kernels', baseurl, gpgcheck: false }];
  for (const [name, packages] of Object.entries({ kold: ['kern-1', 'kern-2'], knew: ['kern-2', 'kern-3'] })) {
    await desk.recipe(name, { repos, packages, arches: ['x86_64'] });
    await desk.json(['lock', name]);
  }
  const flags = ['--arch', 'x86_64', '--fixed-by', 'recipes/knew.lock.json'];
  expect(ids(await desk.json(['advisories', 'recipes/kold.lock.json', ...flags]))).toEqual(['K-three']);
});

test('of an image, also one whose recipe is elsewhere', async () => {
  await desk.tiny('base', ['tiny-base']);
  const repository = desk.path('packages-base');
  const [file = ''] = (await readdir(repository)).filter((name) => name.endsWith('.rpm'));
  const newer = file.replace('.rpm', '').replace('-1.0-', '-1.1-');
  await run('createrepo_c', ['--quiet', repository]);
  await addUpdateinfo(repository, [{ id: 'A-1', type: 'security', severity: 'Moderate', packages: [newer] }]);
  const { manifestDigest } = await desk.build('base');
  const report = await desk.json<AdvisoriesReport>(['advisories', 'base']);
  expect(report.advisories).toMatchObject([{ id: 'A-1', packages: [{ fixed: newer }] }]);
  expect(await desk.json(['advisories', manifestDigest, '--offline'])).toEqual(report);
  const path = join(desk.recipes, 'base.yaml');
  await run('mv', [path, desk.path('elsewhere.yaml')]);
  expect(await desk.fails(['advisories', 'base'])).toMatchObject({ code: 'RECIPE_NOT_FOUND' });
  expect(await desk.json(['advisories', 'base', '--recipe', 'elsewhere.yaml'])).toEqual(report);
});

test('what is neither an image nor a recipe, and a lock without the architecture', async () => {
  expect(await desk.fails(['advisories', 'nothing'])).toMatchObject({ code: 'RECIPE_NOT_FOUND' });
  expect(await desk.fails(['advisories', 'recipes/nothing.lock.json'])).toMatchObject({
    code: 'LOCK_NOT_FOUND',
  });
  expect(await desk.fails(['advisories', 'old', '--arch', 's390x'])).toMatchObject({ code: 'LOCK_STALE' });
});
