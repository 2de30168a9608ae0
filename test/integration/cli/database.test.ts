/** The database of an image: its lock's packages, no more and no fewer, and where its own rpm looks for them. */
import { readFile, readdir } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { withWorkPlace } from '../../../spec/places.ts';
import { rpmbuildText } from '../../../spec/rpmbuild.ts';
import type { ImageRecord } from '../../../src/pipeline/state/image-records.ts';
import type { Lock } from '../../../src/stages/lock/lock-file.ts';
import { Desk } from '../../helpers/milliner.ts';
import { layersOf, listTars } from '../../helpers/oci-layout.ts';
import { repositoryOf } from '../../helpers/solve/packages.ts';

const spec = (name: string, lines: string[]) =>
  [
    `Name: ${name}`,
    'Version: 1\nRelease: 1\nSummary: A part\nLicense: Apache-2.0\nBuildArch: noarch\nAutoReqProv: no',
    '%description\nA part.',
    ...lines,
    '',
  ].join('\n');

let desk: Desk;
let repos: object[];
beforeAll(async () => {
  desk = await Desk.open();
  const tiny = await desk.repository('tiny', ['tiny-base', 'tiny-app']);
  const own = desk.path('own');
  const rpmOf = (place: string) => [
    '%install',
    'mkdir -p %{buildroot}/usr/lib/rpm',
    `printf '%%%%_dbpath\\t\\t%%%%{_var}/${place}\\n' >%{buildroot}/usr/lib/rpm/macros`,
    '%files',
    '/usr/lib/rpm/macros',
  ];
  await withWorkPlace(async () => {
    const options = { sources: desk.directory, epoch: 1_704_067_200 };
    await rpmbuildText(
      'unwilling',
      spec('unwilling', ['Requires(pre): tiny-base', '%pre', 'exit 3', '%files']),
      options,
      own,
    );
    await rpmbuildText('oldrpm', spec('oldrpm', rpmOf('lib/rpm')), options, own);
    await rpmbuildText('oddrpm', spec('oddrpm', rpmOf('opt/rpm')), options, own);
  });
  repos = [
    { name: 'tiny', baseurl: tiny, gpgcheck: false },
    { name: 'own', baseurl: own, gpgcheck: false },
  ];
}, 120_000);
afterAll(() => desk.remove());

test('a %pre that may fail leaves its package out, and that is told', { timeout: 120_000 }, async () => {
  const allow = { scriptlets: ['%pre(unwilling)'] };
  await desk.recipe('unwilling', { repos, packages: ['tiny-base', 'unwilling'], allow });
  expect(await desk.fails(['build', 'unwilling'])).toMatchObject({
    code: 'DATABASE_DIFFERS',
    exit: 7,
    details: { missing: ['unwilling-1-1.noarch'], extra: [] },
  });
  expect(await readdir(desk.path('state', 'images')).catch(() => [])).toEqual([]);
});

test('an rpm that comes later finds the database where it looks', { timeout: 240_000 }, async () => {
  await desk.recipe('below', { repos, packages: ['tiny-base'] });
  await desk.recipe('above', { from: 'below', repos, packages: ['oldrpm'] });
  await desk.build('above', '--output', desk.path('layout'));
  const read = async (name: string) =>
    JSON.parse(await readFile(desk.path('state', 'images', `${name}@x86_64.json`), 'utf8')) as ImageRecord;
  expect((await read('below')).dbPath).toBe('/usr/lib/sysimage/rpm');
  const record = await read('above');
  expect(record.dbPath).toBe('/var/lib/rpm');
  expect(record.report.state).toContainEqual({
    path: '/usr/lib/sysimage/rpm/rpmdb.sqlite',
    change: 'removed',
    why: 'rpm',
  });
  const names = listTars(await layersOf(desk.path('layout'), 'above')).split('\n');
  expect(names).toContain('var/lib/rpm/rpmdb.sqlite');
  expect(names).toContain('usr/lib/sysimage/rpm/.wh.rpmdb.sqlite');
  // And what stands on that goes on there.
  await desk.recipe('top', { from: 'above', repos, packages: ['tiny-app'] });
  await desk.build('top');
  expect((await read('top')).dbPath).toBe('/var/lib/rpm');
});

test('an rpm that looks where nobody keeps a database is refused', { timeout: 120_000 }, async () => {
  await desk.recipe('odd', { repos, packages: ['tiny-base', 'oddrpm'] });
  expect(await desk.fails(['build', 'odd'])).toMatchObject({
    code: 'DATABASE_ELSEWHERE',
    exit: 7,
    details: { expected: '/var/opt/rpm', actual: '/usr/lib/sysimage/rpm' },
  });
});

test(
  '--update leaves a kernel beside the one of the base, and moves it when asked',
  { timeout: 240_000 },
  async () => {
    const kernel = (version: string) =>
      ({ name: 'kern', version, arch: 'noarch', Provides: 'installonlypkg(kernel)' }) as const;
    const first = [kernel('1'), { name: 'other', arch: 'noarch' }];
    const old = await repositoryOf(desk.directory, 'kernels-old', first);
    const middle = await repositoryOf(desk.directory, 'kernels-middle', [...first, kernel('2')]);
    const later = await repositoryOf(desk.directory, 'kernels-new', [
      ...first,
      kernel('2'),
      kernel('3'),
      { name: 'other', version: '2', arch: 'noarch' },
    ]);
    const from = (baseurl: string) => [{ name: 'kernels', baseurl, gpgcheck: false }];
    const arches = ['x86_64'];
    await desk.recipe('kern-base', { arches, repos: from(old), packages: ['kern'] });
    const product = { arches, from: 'kern-base', packages: ['kern >= 2', 'other'] };
    const locked = async () => {
      const lock = JSON.parse(await readFile(desk.path('recipes', 'kern.lock.json'), 'utf8')) as Lock;
      return lock.arches['x86_64']!.packages.map(({ nevra }) => nevra.replace('-1.noarch', ''));
    };
    await desk.recipe('kern', { ...product, repos: from(middle) });
    await desk.json(['lock', 'kern']);
    expect(await locked()).toEqual(['kern-1', 'kern-2', 'other-1']);
    await desk.recipe('kern', { ...product, repos: from(later) });
    await desk.json(['lock', 'kern', '--update', 'other']);
    expect(await locked()).toEqual(['kern-1', 'kern-2', 'other-2']);
    await desk.json(['lock', 'kern', '--update', 'kern']);
    expect(await locked()).toEqual(['kern-1', 'kern-3', 'other-2']);
  },
);

test(
  'a recipe may ask for a newer version of what its base has, by name; not so for less',
  { timeout: 120_000 },
  async () => {
    const part = (name: string, version: string, more: object = {}) => ({
      name,
      version,
      arch: 'noarch',
      ...more,
    });
    const baseurl = await repositoryOf(desk.directory, 'asked', [
      part('tool', '1'),
      part('tool', '2'),
      part('tool', '3'),
      part('wants', '1', { Requires: 'tool >= 3' }),
      part('instead', '1', { Obsoletes: 'tool' }),
    ]);
    const asked = [{ name: 'asked', baseurl, gpgcheck: false }];
    await desk.recipe('asked-base', { arches: ['x86_64'], repos: asked, packages: ['tool-2'] });
    const lockOf = async (packages: string[], fields: object = {}) => {
      await desk.recipe('asked', {
        arches: ['x86_64'],
        from: 'asked-base',
        repos: asked,
        packages,
        ...fields,
      });
      return desk.run(['lock', 'asked', '--json']);
    };
    const [from, to] = ['tool-2-1.noarch', 'tool-3-1.noarch'];
    for (const word of ['tool-3', 'tool >= 3', 'tool-3-1.noarch']) {
      const { stdout } = await lockOf([word]);
      const { arches } = JSON.parse(stdout) as { arches: Record<string, { base: object }> };
      expect(arches['x86_64']!.base).toMatchObject({ updated: [{ from, to }], downgraded: [], removed: [] });
    }
    const refused: [string, object][] = [
      ['wants', { package: from, change: 'updated', by: to }],
      ['tool-1', { package: from, change: 'downgraded', by: 'tool-1-1.noarch' }],
      ['instead', { package: from, change: 'removed' }],
    ];
    for (const [word, change] of refused) {
      const { code, stdout } = await lockOf([word]);
      const { error } = JSON.parse(stdout) as { error: { code: string; details: object } };
      expect({ code, error }).toMatchObject({
        code: 5,
        error: { code: 'BASE_REPLACED', details: { packages: [change] } },
      });
      expect(await lockOf([word], { allow: { replace: ['tool'] } })).toMatchObject({ code: 0 });
    }
  },
);
