/** The recipes for Fedora: complete as far as can be told without it, and solved against packages of the same shape. */
import { copyFile, cp, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { stringify } from 'yaml';
import type { Lock } from '../../../src/stages/lock/lock-file.ts';
import { recipeSchema, repositoriesSchema } from '../../../src/stages/recipe/schema.ts';
import { readYaml } from '../../../src/stages/recipe/yaml.ts';
import { checkout, Desk } from '../../helpers/milliner.ts';
import { repositoryOf, type Sample } from '../../helpers/solve/packages.ts';

const recipes = join(checkout, 'recipes');
const fedora = ['fedora-minimal', 'fedora-base', 'fedora-init', 'fedora-mariadb'];
const read = (name: string) => readYaml(join(recipes, `${name}.yaml`), recipeSchema);

test('every recipe is one, and takes its packages from repositories that are defined', async () => {
  const { repos } = await readYaml(join(recipes, 'repos.yaml'), repositoriesSchema);
  const defined = new Set(repos.map(({ name }) => name));
  const files = (await readdir(recipes)).filter(
    (name) => name.endsWith('.yaml') && !['repos.yaml', 'milliner.yaml'].includes(name),
  );
  expect(files).toEqual(expect.arrayContaining(fedora.map((name) => `${name}.yaml`)));
  for (const file of files) {
    const recipe = await readYaml(join(recipes, file), recipeSchema);
    expect(`${recipe.name}.yaml`).toBe(file);
    for (const name of recipe.repos) expect(defined).toContain(name);
  }
});

test('what is fetched is signed by a key with a fingerprint, one of each release', async () => {
  const { repos } = await readYaml(join(recipes, 'repos.yaml'), repositoriesSchema);
  const remote = repos.filter(({ metalink }) => metalink !== undefined);
  expect(remote.map(({ name }) => name)).toEqual(['fedora', 'updates']);
  for (const { metalink, keys, gpgcheck } of remote) {
    expect(metalink).toMatch(/^https:.*\$releasever.*\$basearch/);
    expect(gpgcheck).toBe(true);
    for (const { fingerprint, release, file } of keys) {
      expect(fingerprint).toMatch(/^[0-9A-F]{40}$/);
      expect(file).toContain(`fedora-${release}-primary`);
    }
    const releases = keys.map(({ release }) => release);
    expect(new Set(releases).size).toBe(keys.length);
    for (const name of fedora) expect(releases).toContain((await read(name)).release);
  }
});

test('the recipes agree with each other', async () => {
  for (const name of fedora) {
    const { from, release, arches, repos, weakDeps, docs, languages, tools } = await read(name);
    expect({ repos, weakDeps, docs, languages }).toEqual({
      repos: ['fedora', 'updates'],
      weakDeps: false,
      docs: false,
      languages: ['en_US', 'C'],
    });
    expect(tools).toEqual({ packages: ['rpm', 'systemd-standalone-sysusers'] });
    if (typeof from === 'string') expect(await read(from)).toMatchObject({ release, arches });
  }
});

/** What matters of Fedora's own spec files: who needs, prefers and excludes whom. */
const shapes: Sample[] = [
  { name: 'fedora-release-common', Requires: ['fedora-release-identity', 'fedora-repos'] },
  ...['basic', 'container', 'cloud'].map((variant) => ({
    name: `fedora-release-identity-${variant}`,
    Provides: 'fedora-release-identity = 44',
    Conflicts: 'fedora-release-identity',
  })),
  ...['container', 'cloud'].map((variant) => ({
    name: `fedora-release-${variant}`,
    Provides: ['system-release', 'system-release(releasever) = 44'],
    Requires: 'fedora-release-common',
    Recommends: `fedora-release-identity-${variant}`,
  })),
  { name: 'fedora-repos', Requires: ['fedora-gpg-keys', 'system-release'] },
  { name: 'fedora-gpg-keys' },
  { name: 'setup', Requires: 'system-release' },
  { name: 'filesystem', Requires: 'setup' },
  { name: 'basesystem', Requires: ['setup', 'filesystem'] },
  { name: 'glibc', Requires: 'glibc-common' },
  {
    name: 'glibc-common',
    Requires: ['glibc', 'glibc-langpack = 1'],
    Suggests: 'glibc-minimal-langpack = 1',
    Recommends: 'glibc-gconv-extra',
  },
  ...['all-langpacks', 'minimal-langpack', 'langpack-en', 'langpack-de'].map((pack) => ({
    name: `glibc-${pack}`,
    Provides: 'glibc-langpack = 1',
    Requires: 'glibc-common',
  })),
  { name: 'glibc-gconv-extra' },
  { name: 'langpacks-en', Requires: 'glibc-langpack-en', Supplements: 'glibc' },
  { name: 'coreutils', Requires: ['coreutils-common', 'glibc'], Conflicts: 'coreutils-single' },
  { name: 'coreutils-single', Provides: 'coreutils = 1', Conflicts: 'coreutils' },
  { name: 'coreutils-common' },
  { name: 'bash', Requires: ['filesystem', 'glibc'], Provides: '/bin/sh' },
  { name: 'rpm', Requires: ['rpm-libs', 'bash', 'coreutils'], Recommends: 'rpm-plugin-systemd-inhibit' },
  { name: 'rpm-libs', Requires: ['glibc', 'gnupg2'] },
  { name: 'rpm-plugin-systemd-inhibit', Requires: 'systemd' },
  { name: 'gnupg2', Recommends: 'pinentry' },
  { name: 'pinentry' },
  { name: 'dnf5', Requires: 'libdnf5', Recommends: ['bash-completion', '(dnf5-plugins if systemd)'] },
  { name: 'libdnf5', Requires: 'rpm-libs' },
  { name: 'dnf5-plugins', Requires: 'dnf5' },
  { name: 'bash-completion' },
  { name: 'systemd-standalone-sysusers', Conflicts: 'systemd' },
  {
    name: 'systemd',
    Requires: ['dbus', '(util-linux-core or util-linux)', 'systemd-libs'],
    Recommends: ['systemd-resolved', 'diffutils'],
    Conflicts: 'systemd-standalone-sysusers',
  },
  { name: 'systemd-libs' },
  { name: 'systemd-resolved' },
  { name: 'diffutils' },
  { name: 'dbus', Requires: 'dbus-broker' },
  { name: 'dbus-broker' },
  { name: 'util-linux', Requires: 'util-linux-core' },
  { name: 'kbd', Requires: 'kbd-misc', Recommends: 'xkeyboard-config' },
  { name: 'kbd-misc' },
  { name: 'xkeyboard-config' },
  { name: 'mariadb-server', Requires: ['mariadb', 'systemd'], Recommends: 'mariadb-backup' },
  ...['mariadb', 'mariadb-backup', 'bzip2', 'gzip', 'rootfiles', 'shadow-utils', 'sudo', 'tar', 'tzdata'].map(
    (name) => ({ name }),
  ),
  ...['util-linux-core', 'vim-minimal', 'xz', 'zstd'].map((name) => ({ name })),
];
const isWeak = [
  'bash-completion',
  'diffutils',
  'glibc-gconv-extra',
  'mariadb-backup',
  'pinentry',
  'systemd-resolved',
];
const isOther = [
  'coreutils-single',
  'fedora-release-cloud',
  'fedora-release-identity-basic',
  'glibc-all-langpacks',
];

let desk: Desk;
const names = (lock: Lock, arch = 'x86_64') => lock.arches[arch]!.packages.map(({ name }) => name);
const locks: Record<string, Lock> = {};

beforeAll(async () => {
  desk = await Desk.open();
  const samples = shapes.map((shape) => ({ ...shape, arch: 'noarch' }));
  const baseurl = await repositoryOf(desk.directory, 'shapes', samples);
  const empty = await repositoryOf(desk.directory, 'empty', []);
  const repos = [
    { name: 'fedora', baseurl, gpgcheck: false },
    { name: 'updates', baseurl: empty, gpgcheck: false },
  ];
  await writeFile(join(desk.recipes, 'repos.yaml'), stringify({ repos }));
  for (const name of fedora)
    await copyFile(join(recipes, `${name}.yaml`), join(desk.recipes, `${name}.yaml`));
  await cp(join(checkout, 'templates'), desk.path('templates'), { recursive: true });
  for (const name of fedora) {
    await desk.json(['lock', name]);
    locks[name] = JSON.parse(await readFile(join(desk.recipes, `${name}.lock.json`), 'utf8')) as Lock;
  }
});
afterAll(() => desk.remove());

test.each(fedora)('%s has what it names and what that needs, on each architecture', async (name) => {
  const lock = locks[name]!;
  const { packages, arches } = await read(name);
  expect(Object.keys(lock.arches)).toEqual(arches);
  for (const arch of arches!) {
    expect(names(lock, arch)).toEqual(expect.arrayContaining(packages));
    expect(names(lock, arch)).toEqual(names(lock));
    const tools = lock.arches[arch]!.tools;
    expect(Array.isArray(tools) && tools.map((tool) => tool.name)).toEqual(
      expect.arrayContaining(['bash', 'rpm', 'rpm-libs', 'systemd-standalone-sysusers']),
    );
  }
});

test.each(fedora)(
  '%s: release, languages and identity are those of a container, and nothing is weak',
  (name) => {
    const found = names(locks[name]!);
    expect(found.filter((one) => [...isWeak, ...isOther].includes(one))).toEqual([]);
    expect(found).toEqual(
      expect.arrayContaining(['coreutils', 'fedora-release-identity-container', 'glibc-minimal-langpack']),
    );
  },
);

test('one of the two makers of users', () => {
  const makers = (name: string) => names(locks[name]!).filter((one) => /^systemd(-standalone.*)?$/.test(one));
  expect(fedora.map(makers)).toEqual([
    ['systemd-standalone-sysusers'],
    ['systemd-standalone-sysusers'],
    ['systemd'],
    ['systemd'],
  ]);
});

test('each has what its base has', () => {
  expect(names(locks['fedora-base']!)).toEqual(expect.arrayContaining(names(locks['fedora-minimal']!)));
  expect(locks['fedora-mariadb']!.arches['x86_64']!.base).toHaveLength(names(locks['fedora-init']!).length);
  // What only the base needs is not in the smallest.
  expect(names(locks['fedora-minimal']!)).not.toContain('tzdata');
});

test('a release without a key, and what init writes', async () => {
  await desk.json(['init', 'mine', '--directory', 'new', '--release', '99']);
  const { recipe, repos } = {
    recipe: await readYaml(desk.path('new/recipes/mine.yaml'), recipeSchema),
    repos: await readYaml(desk.path('new/recipes/repos.yaml'), repositoriesSchema),
  };
  expect(recipe).toEqual({ ...(await read('fedora-init')), name: 'mine', release: '99' });
  const all = (await readYaml(join(recipes, 'repos.yaml'), repositoriesSchema)).repos;
  expect(repos.repos).toEqual(all.filter(({ name }) => name !== 'demo'));
  expect(await desk.fails(['lock', 'new/recipes/mine.yaml'])).toMatchObject({
    code: 'RECIPE_INVALID',
    message: expect.stringContaining('release 99') as string,
  });
});
