/** Why each package is there, for dnf in the image: where the image has dnf 5, and from base to base. */
import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { tinyPackages } from '../../helpers/tiny/tiny.ts';
import { repositoryOf } from '../../helpers/solve/packages.ts';
import { layersOf } from '../../helpers/oci-layout.ts';
import { Desk } from '../../helpers/milliner.ts';

let desk: Desk;
let repos: object[];
beforeAll(async () => {
  desk = await Desk.open();
  const { key } = await tinyPackages();
  const samples = [
    { name: 'libdnf5', files: ['/usr/lib/sysimage/libdnf5/keep'] },
    { name: 'dnf5', Requires: ['libdnf5', 'tiny-base'] },
    { name: 'web', Requires: 'libweb' },
    { name: 'libweb' },
  ].map((sample) => ({ ...sample, arch: 'noarch' }));
  repos = [
    { name: 'tiny', baseurl: await desk.repository('tiny', ['tiny-base']), keys: [key] },
    { name: 'samples', baseurl: await repositoryOf(desk.directory, 'samples', samples), gpgcheck: false },
  ];
});
afterAll(() => desk.remove());

const file = 'usr/lib/sysimage/libdnf5/packages.toml';

/** The file as the uppermost layer that holds it has it. */
async function reasonsIn(layout: string): Promise<string[]> {
  const holders = (await layersOf(layout)).filter((input) =>
    execFileSync('tar', ['--list', '--file=-'], { input }).toString().split('\n').includes(file),
  );
  if (holders.length === 0) return [];
  const text = execFileSync('tar', ['-xOf', '-', file], { input: holders.at(-1)! }).toString();
  return text.split('\n').filter((line) => line.startsWith('"'));
}

test('what recipes name is the user’s, all else a dependency; without dnf 5 there is no record', async () => {
  await desk.recipe('without', { repos, packages: ['tiny-base'] });
  await desk.recipe('base', { repos, packages: ['dnf5'] });
  await desk.recipe('product', { from: 'base', repos, packages: ['web', 'libdnf5'] });
  for (const name of ['without', 'base', 'product']) await desk.build(name, '--output', desk.path(name));
  expect(await reasonsIn(desk.path('without'))).toEqual([]);
  const architecture = process.arch === 'arm64' ? 'aarch64' : 'x86_64';
  const base = [
    '"dnf5.noarch" = {reason="User"}',
    '"libdnf5.noarch" = {reason="Dependency"}',
    `"tiny-base.${architecture}" = {reason="Dependency"}`,
  ];
  expect(await reasonsIn(desk.path('base'))).toEqual(base);
  expect(await reasonsIn(desk.path('product'))).toEqual([
    base[0],
    '"libdnf5.noarch" = {reason="User"}',
    '"libweb.noarch" = {reason="Dependency"}',
    base[2],
    '"web.noarch" = {reason="User"}',
  ]);
  await desk.build('product', '--check');
});
