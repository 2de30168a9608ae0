/** Files that a recipe names, each led out of the recipe's root by a link: refused by name, and nothing of them shown. */
import { mkdir, mkdtemp, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { useOneProcess } from '../../helpers/command-client.ts';
import { Desk } from '../../helpers/milliner.ts';
import { tinyPackages } from '../../helpers/tiny/tiny.ts';

useOneProcess();

const secret = 'root:$6$felt:20000:0';
let elsewhere: string;
let desk: Desk;

beforeAll(async () => {
  elsewhere = await mkdtemp(join(tmpdir(), 'milliner-elsewhere-'));
  await mkdir(join(elsewhere, 'tree'));
  for (const name of ['shadow', 'tree/shadow', 'tree/recipe.yaml'])
    await writeFile(join(elsewhere, name), secret);
});
afterAll(() => rm(elsewhere, { recursive: true }));
beforeEach(async () => {
  desk = await Desk.open();
  for (const folder of ['templates', 'keys']) await mkdir(desk.path(folder));
});
afterEach(() => desk.remove());

/** A link below the desk to what lies outside of it. */
async function leadsOut(name: string, target = 'shadow'): Promise<void> {
  await rm(desk.path(name), { recursive: true, force: true });
  await symlink(join(elsewhere, target), desk.path(name));
}

const sound = { packages: ['tiny-base'] };
const repository = (fields: object) => ({ ...sound, repos: [{ name: 'r', gpgcheck: false, ...fields }] });
const served = { baseurl: 'https://repository.invalid/' };
const file = (template: string) => ({ ...sound, files: [{ path: '/a', template }] });

test.each<[string, string, Record<string, unknown>, string?]>([
  ['a template', 'templates/a.hbs', file('a.hbs')],
  ['a folder of templates', 'templates/more', file('more/shadow'), 'tree'],
  ['templates/ itself', 'templates', file('shadow'), 'tree'],
  ['templates/ in the recipe’s directory', 'recipes/templates', file('shadow'), 'tree'],
  ['a key', 'keys/k', repository({ ...served, keys: ['../keys/k'] })],
  [
    'a key of a release',
    'keys/k-43',
    { release: 43, ...repository({ ...served, keys: ['../keys/k-$releasever'] }) },
  ],
  ['an authority', 'keys/ca', repository({ ...served, sslCaCert: '../keys/ca' })],
  ['a certificate', 'keys/cert', repository({ ...served, sslClientCert: '../keys/cert' })],
  ['a directory of packages', 'packages', repository({ baseurl: '../packages' }), 'tree'],
  [
    'one for a release',
    'packages-43',
    { release: 43, ...repository({ baseurl: '../packages-$releasever' }) },
    'tree',
  ],
  ['one of several', 'packages', repository({ baseurl: [served.baseurl, '../packages'] }), 'tree'],
  ['a key for a base image', 'keys/k', { from: { image: 'registry.invalid/a:1', keys: ['../keys/k'] } }],
  ['a base that is a tar', 'base.tar', { from: { tar: '../base.tar' } }],
  ['a base that is a directory', 'base', { from: { directory: '../base' } }, 'tree'],
  ['a base that is a recipe', 'recipes/below.yaml', { ...sound, from: 'below' }, 'tree/recipe.yaml'],
  ['repos.yaml', 'recipes/repos.yaml', { ...sound, repos: ['r'] }],
  ['the lock', 'recipes/strange.lock.json', sound],
])('%s', async (_what, name, fields, target) => {
  const recipe = await desk.recipe('strange', fields);
  await leadsOut(name, target);
  const ended = await desk.run(['lock', recipe, '--json', '--debug']);
  expect(JSON.parse(ended.stdout)).toMatchObject({ error: { code: 'FILE_OUTSIDE' } });
  expect(ended.code).toBe(6);
  expect(ended.stdout + ended.stderr).not.toContain(secret.slice(0, 8));
});

test('the recipe itself, and its directory', async () => {
  const recipe = join(desk.recipes, 'strange.yaml');
  await leadsOut('recipes/strange.yaml');
  expect(await desk.fails(['lock', recipe])).toMatchObject({ code: 'FILE_OUTSIDE', exit: 6 });
  await leadsOut('recipes', 'tree');
  for (const named of ['recipe', join(desk.recipes, 'recipe.yaml')])
    expect(await desk.fails(['lock', named])).toMatchObject({ code: 'FILE_OUTSIDE', exit: 6 });
});

test.each<[string, Record<string, unknown>]>([
  ['a key', repository({ ...served, keys: ['../../k'] })],
  ['a directory', repository({ baseurl: '../..' })],
  ['a directory, of several', repository({ baseurl: ['../../packages', served.baseurl] })],
  ['a tar', { from: { tar: '../../base.tar' } }],
  ['a template', file('../../../etc/shadow')],
  ['an absolute template', file('/etc/shadow')],
])('words that climb: %s', async (_what, fields) => {
  const error = await desk.fails(['lock', await desk.recipe('strange', fields)]);
  expect(error).toMatchObject({ code: 'FILE_OUTSIDE', exit: 6 });
});

test('a release that is a path is none', async () => {
  for (const release of ['../../etc', '..', 'a/b']) {
    const recipe = await desk.recipe('strange', { ...repository({ baseurl: '../$releasever' }), release });
    expect(await desk.fails(['lock', recipe])).toMatchObject({ code: 'RECIPE_INVALID', exit: 3 });
  }
});

test('the ledger of ids; a lock that is no JSON says nothing of what it holds', async () => {
  const recipe = await desk.tiny('strange', ['tiny-base']);
  await desk.json(['lock', recipe]);
  await leadsOut('recipes/strange.ids.json');
  expect(await desk.fails(['build', recipe])).toMatchObject({ code: 'FILE_OUTSIDE', exit: 6 });
  for (const name of ['strange.ids.json', 'strange.lock.json']) {
    await rm(join(desk.recipes, name), { force: true });
    await writeFile(join(desk.recipes, name), secret);
    const ended = await desk.run(['build', recipe, '--json', '--debug']);
    expect(JSON.parse(ended.stdout)).toMatchObject({ error: { code: 'LOCK_INVALID' } });
    expect(ended.stdout + ended.stderr).not.toContain(secret.slice(0, 4));
  }
});

test('links that stay beneath are followed: keys, templates, packages, the recipe', async () => {
  const packages = await desk.repository('packages', ['tiny-base']);
  await rename(packages, desk.path('keys/packages'));
  await symlink('keys/packages', desk.path('packages'));
  await writeFile(desk.path('keys/key'), await readFile((await tinyPackages()).key));
  await symlink('key', desk.path('keys/current'));
  await writeFile(desk.path('templates/real.hbs'), 'felt\n');
  await symlink('real.hbs', desk.path('templates/a.hbs'));
  const recipe = await desk.recipe('real', {
    ...file('a.hbs'),
    repos: [{ name: 'r', baseurl: '../packages', keys: ['../keys/current'] }],
  });
  await symlink('real.yaml', join(desk.recipes, 'linked.yaml'));
  expect((await desk.build(recipe)).packages).toBe(1);
  expect(await desk.json(['lock', 'linked'])).toMatchObject({ name: 'real' });
});
