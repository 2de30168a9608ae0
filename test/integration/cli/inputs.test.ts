/** Inputs that are wrong: each ends with its code, in words and in JSON, and the state is as it was. */
import { mkdir, readdir, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { errorTable, exitCodes, type ErrorCode } from '../../../src/lib/errors/error.ts';
import { hostArch } from '../../../src/lib/host/arch.ts';
import { useOneProcess } from '../../helpers/command-client.ts';
import { Desk } from '../../helpers/milliner.ts';
import { createRepository, editPrimary } from '../../helpers/repo/edit-primary.ts';
import { tinyPackages } from '../../helpers/tiny/tiny.ts';
import { leftovers, listing } from '../../helpers/traces.ts';

useOneProcess();

let desk: Desk;
let before: string[];
beforeAll(async () => {
  desk = await Desk.open();
  await desk.build(await desk.tiny('good', ['tiny-base', 'tiny-app']));
  before = await listing(desk.state);
});
afterEach(async () => {
  expect(await listing(desk.state)).toEqual(before);
  expect(await leftovers(desk.directory)).toEqual([]);
});
afterAll(() => desk.remove());

/** The command must fail with this code in both forms; gives the JSON one. */
async function refused(code: ErrorCode, args: string[]) {
  const error = await desk.fails(args);
  expect(error).toMatchObject({ code, exit: exitCodes[errorTable[code].kind] });
  expect(error.hint).not.toBe('');
  return error;
}

const sound = 'name: wrong\ntools: host\n';
const files = `${sound}packages: [a]\nfiles:\n`;

test.each([
  ['no YAML', 'name: [', 1],
  ['a key that is none', `${sound}packagse: [a]\n`, 3],
  ['a key twice', `${sound}name: twice\n`, 3],
  ['a value of the wrong kind', `${sound}packages: bash\n`, 3],
  ['a repository without an address', `${sound}repos:\n  - name: a\n    keys: [k]\n`, 4],
  ['a repository without keys', `${sound}repos:\n  - name: a\n    baseurl: /tmp\n`, 4],
  ['a path that leads out', `${files}  - path: /../etc/passwd\n    content: x\n`, 5],
  ['a mode that is none', `${files}  - path: /a\n    content: x\n    mode: "999"\n`, 7],
  ['a repository that is nowhere defined', `${sound}packages: [a]\nrepos: [nowhere]\n`, undefined],
  ['a template that is not there', `${files}  - path: /a\n    template: none.hbs\n`, undefined],
  ['no package at all', sound, undefined],
  ['bytes that are no text', '\u0000', undefined],
])('recipe: %s', async (_what, text, line) => {
  const path = join(desk.recipes, 'wrong.yaml');
  await writeFile(path, text);
  const isUnknown = text.includes('nowhere');
  const error = await refused(isUnknown ? 'RECIPE_NOT_FOUND' : 'RECIPE_INVALID', ['build', path]);
  expect(error.message).toContain(isUnknown ? 'repos.yaml' : `recipes/wrong.yaml:${line ?? ''}`);
  if (!isUnknown) expect(error).toMatchObject({ file: path, line: line ?? (expect.any(Number) as number) });
});

test('recipe: not there, its base not there, bases in a circle, itself its base', async () => {
  await refused('RECIPE_NOT_FOUND', ['build', 'nowhere']);
  await refused('RECIPE_NOT_FOUND', ['lock', join(desk.recipes, 'nowhere.yaml')]);
  await refused('RECIPE_NOT_FOUND', ['build', await desk.recipe('orphan', { from: 'nowhere' })]);
  const one = await desk.recipe('one', { from: 'two' });
  await desk.recipe('two', { from: 'three' });
  await desk.recipe('three', { from: 'one' });
  const error = await refused('RECIPE_INVALID', ['build', one]);
  expect(error.message).toContain('one -> two -> three -> one');
  await refused('RECIPE_INVALID', ['build', await desk.recipe('self', { from: 'self' })]);
});

test('recipe: an error has the same code, exit code and advice in words', async () => {
  const ended = await desk.run(['build', 'nowhere']);
  expect(ended).toMatchObject({ code: 3, stdout: '' });
  expect(ended.stderr).toMatch(/^RECIPE_NOT_FOUND: no recipe nowhere/);
  expect(ended.stderr).toContain(errorTable.RECIPE_NOT_FOUND.hint);
});

test('lock: edited, no JSON, of another recipe, of another version', async () => {
  const recipe = await desk.tiny('locked', ['tiny-base']);
  await desk.json(['lock', recipe]);
  const path = join(desk.recipes, 'locked.lock.json');
  const text = await readFile(path, 'utf8');
  const lock = JSON.parse(text) as { recipe: string };
  for (const edited of [
    text.replace('tiny-base-1.0', 'tiny-base-2.0'),
    text.replace('"size": ', '"size": 1'),
    text.slice(0, -20),
    '',
    '[]',
    'null',
    JSON.stringify({ ...lock, version: 1 }),
    JSON.stringify({ ...lock, more: true }),
  ]) {
    await writeFile(path, edited);
    await refused('LOCK_INVALID', ['build', recipe]);
  }
  await writeFile(path, text);
  const other = await desk.tiny('other', ['tiny-base']);
  await writeFile(join(desk.recipes, 'other.lock.json'), text);
  await refused('LOCK_STALE', ['build', other]);
});

test('lock: stale when the recipe or the lock of its base has changed', async () => {
  const repos = [{ name: 'tiny', baseurl: desk.path('packages-good'), keys: [(await tinyPackages()).key] }];
  const base = await desk.recipe('base', { repos, packages: ['tiny-base'] });
  const child = await desk.recipe('child', { from: 'base', repos, packages: ['tiny-app'] });
  await desk.json(['lock', child]);
  await desk.recipe('child', { from: 'base', repos, packages: ['tiny-app', 'tiny-base'] });
  await refused('LOCK_STALE', ['build', child]);
  await desk.json(['lock', child]);
  await desk.recipe('base', { repos, packages: ['tiny-base', 'tiny-app'] });
  await refused('LOCK_STALE', ['build', child]);
  await desk.json(['lock', base]);
  const error = await refused('LOCK_STALE', ['build', child]);
  expect(error.hint).toContain('milliner lock');
});

test('lock: for another architecture alone, or made with other versions of the tools', async () => {
  const { sealLock } = await import('../../../src/stages/lock/lock-file.ts');
  const recipe = await desk.tiny('elsewhere', ['tiny-base']);
  await desk.json(['lock', recipe]);
  const path = join(desk.recipes, 'elsewhere.lock.json');
  const { digest: _, ...lock } = JSON.parse(await readFile(path, 'utf8')) as Parameters<
    typeof sealLock
  >[0] & {
    digest: string;
  };
  const [answer] = Object.values(lock.arches);
  await writeFile(path, JSON.stringify(sealLock({ ...lock, arches: { s390x: answer! } })));
  await refused('LOCK_STALE', ['build', recipe]);
  for (const versions of [
    { ...lock.versions, zstd: '0.0.1' },
    { ...lock.versions, format: 0 },
  ]) {
    await writeFile(path, JSON.stringify(sealLock({ ...lock, versions })));
    await refused('TOOLS_DIFFER', ['build', recipe]);
  }
  const arches = Object.fromEntries(
    Object.entries(lock.arches).map(([arch, one]) => [arch, { ...one, tools: { host: '4.0' } }]),
  );
  await writeFile(path, JSON.stringify(sealLock({ ...lock, arches })));
  await refused('TOOLS_DIFFER', ['build', recipe]);
});

async function repomdRecipe(name: string, packages = ['tiny-base', 'tiny-app']) {
  const directory = await desk.repository(`repository-${name}`, packages);
  await createRepository(directory);
  const repos = [{ name: 'tiny', baseurl: directory, keys: [(await tinyPackages()).key] }];
  const recipe = await desk.recipe(name, { repos, packages });
  const repodata = join(directory, 'repodata');
  const primary = (await readdir(repodata)).find((file) => file.includes('-primary.xml'))!;
  return { directory, recipe, repomd: join(repodata, 'repomd.xml'), primary: join(repodata, primary) };
}

test.each([
  ['no XML', () => 'not found'],
  ['cut short', (text: string) => text.slice(0, 300)],
  ['another document', () => '<?xml version="1.0"?><metadata/>'],
  ['without a primary', (text: string) => text.replace('type="primary"', 'type="other"')],
  ['without a checksum', (text: string) => text.replaceAll('type="sha256"', 'type="crc"')],
  [
    'a location that leads out',
    (text: string) => text.replace(/href="repodata\/[^"]*primary/, 'href="../../x-primary'),
  ],
  ['entities', (text: string) => `<!DOCTYPE a [<!ENTITY a "aa">]>${text}`],
])('repomd.xml: %s', async (_what, edit) => {
  const { recipe, repomd, directory } = await repomdRecipe('repomd');
  await writeFile(repomd, edit(await readFile(repomd, 'utf8')));
  await refused('REPO_INVALID', ['lock', recipe]);
  await rm(directory, { recursive: true });
});

test('primary: truncated, another one, missing, no XML although its checksum says so', async () => {
  const { recipe, directory, primary } = await repomdRecipe('primary');
  await rename(primary, `${primary}.aside`);
  await refused('REPO_UNAVAILABLE', ['lock', recipe]);
  await writeFile(primary, await readFile(`${primary}.aside`));
  await truncate(primary, 100);
  await refused('DIGEST_MISMATCH', ['lock', recipe]);
  await writeFile(primary, Buffer.alloc(0));
  await refused('DIGEST_MISMATCH', ['lock', recipe]);
  await rename(`${primary}.aside`, primary);
  await editPrimary(directory, (text) => text.slice(0, text.length / 2));
  await refused('REPO_INVALID', ['lock', recipe]);
});

test('a package that the metadata names and the repository has not', async () => {
  const { recipe, directory } = await repomdRecipe('missing', ['tiny-base', 'tiny-app', 'tiny-extra']);
  for (const name of await readdir(directory)) {
    if (name.startsWith('tiny-extra')) await rm(join(directory, name));
  }
  const error = await refused('REPO_UNAVAILABLE', ['build', recipe]);
  expect(error.message).toContain('tiny-extra-1.0-1');
});

test('a repository that is not there, is empty, or speaks another protocol', async () => {
  const { key } = await tinyPackages();
  await mkdir(desk.path('empty'), { recursive: true });
  for (const baseurl of ['/nowhere', desk.path('empty'), 'ftp://example.invalid/']) {
    const repos = [{ name: 'tiny', baseurl, keys: [key] }];
    await refused('REPO_UNAVAILABLE', [
      'lock',
      await desk.recipe('away', { repos, packages: ['tiny-base'] }),
    ]);
  }
});

test.each([
  ['needs-nothing', ['tiny-base', 'needs-nothing'], 'there-is-no-such-thing'],
  ['conflicts', ['tiny-base', 'tiny-app', 'conflicts'], 'tiny-app'],
])('no answer: %s', async (name, packages, told) => {
  const error = await refused('SOLVE_FAILED', ['lock', await desk.tiny(`solve-${name}`, packages)]);
  expect(error.message).toContain(told);
});

test('no answer: a package that no repository has', async () => {
  const repos = [{ name: 'tiny', baseurl: desk.path('packages-good'), keys: [(await tinyPackages()).key] }];
  const recipe = await desk.recipe('absent', { repos, packages: ['nobody-has-it'] });
  expect((await refused('SOLVE_FAILED', ['lock', recipe])).message).toContain('nobody-has-it');
});

test('no answer for one of several architectures, or for the tool root: it says which', async () => {
  const repos = [{ name: 'tiny', baseurl: desk.path('packages-good'), keys: [(await tinyPackages()).key] }];
  const arches = ['x86_64', 'aarch64'];
  const elsewhere = await desk.recipe('elsewhere', { arches, repos, packages: ['tiny-base'] });
  const foreign = hostArch() === 'x86_64' ? 'aarch64' : 'x86_64';
  expect((await refused('SOLVE_FAILED', ['lock', elsewhere])).message).toContain(foreign);
  const tools = { packages: ['rpm'] };
  const toolless = await desk.recipe('toolless', { tools, repos, packages: ['tiny-base'] });
  expect((await refused('SOLVE_FAILED', ['lock', toolless])).message).toContain('tools:');
  const wrong = await desk.recipe('wrong-tools', {
    tools: { packages: ['tiny-base'] },
    repos,
    packages: ['tiny-base'],
  });
  expect((await refused('RECIPE_INVALID', ['build', wrong])).message).toContain('/usr/bin/rpm');
});

test('a template is filled before anything is installed, and its own file named', async () => {
  const repos = [{ name: 'tiny', baseurl: desk.path('packages-good'), keys: [(await tinyPackages()).key] }];
  const filled = [{ path: '/etc/x', template: 'value.hbs' }];
  await mkdir(desk.path('templates'), { recursive: true });
  await writeFile(desk.path('templates', 'value.hbs'), '{{nothing}}');
  const recipe = await desk.recipe('value', { repos, packages: ['tiny-base'], files: filled });
  const ended = await desk.run(['build', recipe]);
  expect(ended.code).toBe(3);
  expect(ended.stderr).toContain('--> templates/value.hbs:1:3\n');
  expect(ended.stderr).not.toContain('installing');
});

test('output: a file, a directory of something else, a broken index', async () => {
  const recipe = join(desk.recipes, 'good.yaml');
  const output = desk.path('output');
  await writeFile(output, 'a file');
  await refused('OUTPUT_UNUSABLE', ['build', recipe, '--output', output]);
  await refused('OUTPUT_UNUSABLE', ['build', recipe, '--output', join(output, 'below')]);
  await rm(output);
  await mkdir(output);
  await writeFile(join(output, 'holiday.jpg'), '');
  await refused('OUTPUT_UNUSABLE', ['build', recipe, '--output', output]);
  expect(await readdir(output)).toEqual(['holiday.jpg']);
  await rm(join(output, 'holiday.jpg'));
  for (const index of ['{', '{}', '[]', 'null', '{"manifests": 1}']) {
    await writeFile(join(output, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
    await writeFile(join(output, 'index.json'), index);
    await refused('OUTPUT_UNUSABLE', ['build', recipe, '--output', output]);
  }
});

test('words that fit no command are for the usage', async () => {
  for (const args of [
    ['build'],
    ['build', 'a', 'b'],
    ['build', 'a', '--nonsense'],
    ['gc', '--keep-days', 'x'],
    ['init', '../../name'],
    ['init', 'A name'],
    ['init', 'name', '--release', ''],
  ]) {
    await refused('USAGE', args);
  }
  expect(await desk.run(['nonsense'])).toMatchObject({ code: 2 });
  await refused('USAGE', ['build', 'good', '--check', '--output', 'x']);
});

test('an image that is not there', async () => {
  for (const name of ['nowhere', 'sha256:0000000000', '../good', ''])
    await refused('IMAGE_NOT_FOUND', ['inspect', name]);
  await refused('IMAGE_NOT_FOUND', ['rmi', 'nowhere']);
});
