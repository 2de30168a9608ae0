/** /dev, /proc and /sys, over which others are mounted meanwhile: what base, packages, scriptlets and recipe want there. */
import { mkdir, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { fileType } from '../../../src/lib/rpm/file-list.ts';
import { Desk, type BuildAnswer } from '../../helpers/milliner.ts';
import { layersOf, listTars } from '../../helpers/oci-layout.ts';
import { composePackage, type ComposedFile, type ComposedPackage } from '../../helpers/rpm/compose.ts';

let desk: Desk;
let repos: object[];
let base: BuildAnswer;
const layout = () => desk.path('layout');

const fileAt = (path: string): ComposedFile => ({
  path,
  mode: fileType.regular | 0o644,
  user: 'root',
  group: 'root',
  content: path,
  mtime: 1_700_000_000,
  flags: 0,
  capabilities: '',
});
const directoryAt = (path: string, mode: number) => ({
  ...fileAt(path),
  mode: fileType.directory | mode,
  content: '',
});

async function write(one: Partial<ComposedPackage> & Pick<ComposedPackage, 'name' | 'version' | 'files'>) {
  const rest = { scriptlets: [], requires: ['tiny-base'], obsoletes: [], epoch: 1_704_067_200 };
  const place = desk.path('packages', `${one.name}-${one.version}-1.noarch.rpm`);
  await writeFile(place, composePackage({ ...rest, ...one }));
}

beforeAll(async () => {
  desk = await Desk.open();
  await mkdir(desk.path('packages'));
  const baseurl = await desk.repository('tiny', ['tiny-base']);
  repos = [
    { name: 'tiny', baseurl, gpgcheck: false },
    { name: 'mounted', baseurl: desk.path('packages'), gpgcheck: false },
  ];
  const box = directoryAt('/dev/box', 0o750);
  const [keep, gone, scripted] = ['keep', 'gone', 'scripted'].map((name) => fileAt(`/dev/box/${name}`)) as [
    ComposedFile,
    ComposedFile,
    ComposedFile,
  ];
  await write({ name: 'box', version: '1', files: [box, keep, gone] });
  await write({ name: 'stays', version: '1', files: [scripted] });
  base = await desk.build(
    await desk.recipe('first', { repos, packages: ['tiny-base', 'box', 'stays'] }),
    '--output',
    layout(),
  );
  await write({ name: 'plain', version: '1', files: [fileAt('/opt/plain')], requires: [] });
  await write({ name: 'box', version: '2', files: [box, keep, scripted] });
  const body = 'rm -f /dev/box/scripted; : >/dev/box/left';
  await write({
    name: 'other',
    version: '1',
    requires: ['tiny-base', 'box'],
    files: [fileAt('/dev/box/other')],
    scriptlets: [{ kind: 'post', language: 'sh', body, on: [] }],
  });
});
afterAll(() => desk.remove());

/** Mode and path of all below /dev, /proc and /sys, whiteouts too. */
async function listed(tag: string, bases = 0): Promise<string[]> {
  return listTars(await layersOf(layout(), tag, bases), '--verbose', '--numeric-owner')
    .split('\n')
    .map((line) => /^(\S+) \S+ +\S+ \S+ \S+ ((?:dev|proc|sys)\/.*)$/.exec(line)?.slice(1).join(' ') ?? '')
    .filter(Boolean)
    .toSorted();
}

test('what an upgrade or a scriptlet removes of the base is gone; directories of others stay as they are', async () => {
  const recipe = await desk.recipe('second', {
    from: 'first',
    repos,
    packages: ['box = 2', 'other'],
    allow: { replace: ['box'] },
  });
  await desk.build(recipe, '--output', layout());
  const lines = await listed('second', base.layers.length);
  expect(lines).toEqual(
    expect.arrayContaining([
      '-rw-r--r-- dev/box/other',
      '---------- dev/box/.wh.gone',
      '---------- dev/box/.wh.scripted',
    ]),
  );
  const boxes = lines.filter((line) => line.endsWith(' dev/box/'));
  expect(new Set(boxes)).toEqual(new Set(['drwxr-x--- dev/box/']));
  expect(lines.some((line) => line.endsWith('/left'))).toBe(false);
});

test.each([
  [
    'directories of the recipe itself',
    ['drwx------ proc/', 'drwxr-xr-x sys/', 'drwxrwxrwt dev/'],
    [{ path: '/proc', mode: '0700' }, { path: '/sys' }, { path: '/dev', mode: '1777' }],
  ],
  ['one below', ['drwxr-xr-x dev/', 'drwxrwxrwt dev/shm/'], [{ path: '/dev/shm', mode: '1777' }]],
  ['none', [], []],
])('%s', async (name, expected, directories) => {
  const tag = name.replaceAll(' ', '-');
  const recipe = await desk.recipe(tag, { repos, tools: 'host', packages: ['plain'], directories });
  await desk.build(recipe, '--output', layout());
  expect([...new Set(await listed(tag))]).toEqual(expected);
});
