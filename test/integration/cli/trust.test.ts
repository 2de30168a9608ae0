/** A package that is not what its maker signed, or what the repository promised, ends the build by name. */
import { cp, rm } from 'node:fs/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { useOneProcess } from '../../helpers/command-client.ts';
import { Desk } from '../../helpers/milliner.ts';
import { createRepository, editPrimary } from '../../helpers/repo/edit-primary.ts';
import { appFile, tinyPackages } from '../../helpers/tiny/tiny.ts';
import { leftovers } from '../../helpers/traces.ts';

useOneProcess();

let desk: Desk;
beforeEach(async () => {
  desk = await Desk.open();
});
afterEach(async () => {
  expect(await leftovers(desk.directory)).toEqual([]);
  await desk.remove();
});

/** A recipe over tiny-base and the tiny-app to which something was done. */
async function damagedRecipe(damage: string, repository: object = {}, fields: object = {}): Promise<string> {
  const baseurl = await desk.repository('packages', ['tiny-base'], damage);
  const { key } = await tinyPackages();
  const repos = [{ name: 'tiny', baseurl, keys: [key], ...repository }];
  return desk.recipe('trust', { repos, packages: ['tiny-app'], ...fields });
}

test.each([
  ['unsigned', 'unsigned'],
  ['stranger', 'unknown-key'],
  ['signed-v6', 'v6-only'],
  ['payload-flipped', 'bad-digest'],
  ['header-flipped', 'bad-digest'],
  ['truncated', 'truncated'],
])('%s: refused as %s, by name', async (damage, problem) => {
  const error = await desk.fails(['build', await damagedRecipe(damage)]);
  expect(error).toMatchObject({
    code: 'SIGNATURE_INVALID',
    exit: 6,
    details: {
      repository: 'tiny',
      packages: [{ package: expect.stringContaining('tiny-app-1.0-1') as string, problem }],
    },
  });
  expect(error.message).toContain('tiny-app-1.0-1');
});

test.each(['truncated-in-header', 'empty', 'not-an-rpm'])(
  '%s: no package at all, named by its file',
  async (damage) => {
    const error = await desk.fails(['build', await damagedRecipe(damage)]);
    expect(error).toMatchObject({ code: 'PACKAGE_INVALID', exit: 4 });
    expect(error.message).toContain(appFile);
  },
);

test('gpgcheck: false lets an unsigned package through', async () => {
  const unsigned = await damagedRecipe('unsigned', { gpgcheck: false });
  expect(await desk.build(unsigned)).toMatchObject({ packages: 2 });
});

test.each(['unsigned-flipped', 'payload-flipped', 'header-flipped', 'truncated'])(
  'gpgcheck: false does not let a corrupt one through: %s',
  async (damage) => {
    const error = await desk.fails(['build', await damagedRecipe(damage, { gpgcheck: false })]);
    expect(error).toMatchObject({ code: 'SIGNATURE_INVALID', exit: 6 });
    expect(error.message).toContain('tiny-app-1.0-1');
  },
);

test('allow: unsigned lets exactly the named package through', async () => {
  const other = await damagedRecipe('unsigned', {}, { allow: { unsigned: ['tiny-base'] } });
  expect(await desk.fails(['build', other])).toMatchObject({ code: 'SIGNATURE_INVALID' });
  const { key } = await tinyPackages();
  const repos = [{ name: 'tiny', baseurl: desk.path('packages'), keys: [key] }];
  const named = await desk.recipe('named', {
    repos,
    packages: ['tiny-app'],
    allow: { unsigned: ['tiny-app'] },
  });
  expect(await desk.build(named)).toMatchObject({ packages: 2 });
});

test('a key file without a key is named', async () => {
  const { packages } = await tinyPackages();
  const recipe = await damagedRecipe('unsigned', { keys: [`${packages}/${appFile}`] });
  expect(await desk.fails(['build', recipe])).toMatchObject({ code: 'KEY_INVALID', exit: 6 });
});

test("another repository's key does not vouch for a package", async () => {
  const { key, strangerKey } = await tinyPackages();
  const baseurl = await desk.repository('packages', ['tiny-base'], 'stranger');
  const empty = await desk.repository('other', ['tiny-extra']);
  const repos = [
    { name: 'tiny', baseurl, keys: [key] },
    { name: 'other', baseurl: empty, keys: [strangerKey] },
  ];
  const error = await desk.fails(['build', await desk.recipe('two', { repos, packages: ['tiny-app'] })]);
  expect(error).toMatchObject({ code: 'SIGNATURE_INVALID', details: { repository: 'tiny' } });
});

async function repomdRecipe(): Promise<{ directory: string; recipe: string }> {
  const directory = await desk.repository('packages', ['tiny-base', 'tiny-app']);
  await createRepository(directory);
  const { key } = await tinyPackages();
  const repos = [{ name: 'tiny', baseurl: directory, keys: [key] }];
  return { directory, recipe: await desk.recipe('trust', { repos, packages: ['tiny-app'] }) };
}

test('a file whose header tells another NEVRA than the metadata is refused', async () => {
  const { directory, recipe } = await repomdRecipe();
  await editPrimary(directory, (text) =>
    text.replace(/(<name>tiny-app<\/name>.*?)ver="1\.0"/s, '$1ver="9.9"'),
  );
  const error = await desk.fails(['build', recipe]);
  expect(error).toMatchObject({ code: 'PACKAGE_INVALID', exit: 4 });
  expect(error.message).toContain('tiny-app-9.9-1');
  expect(error.message).toContain('tiny-app-1.0-1');
});

test('a file that has another sha256 than the metadata says is refused', async () => {
  const { directory, recipe } = await repomdRecipe();
  await editPrimary(directory, (text) =>
    text.replace(/(<name>tiny-app<\/name>.*?<checksum[^>]*>)[0-9a-f]{64}/s, `$1${'0'.repeat(64)}`),
  );
  const error = await desk.fails(['build', recipe]);
  expect(error).toMatchObject({ code: 'DIGEST_MISMATCH', exit: 4 });
  expect(error.message).toContain('tiny-app-1.0-1');
});

test.each(['truncated', 'payload-flipped', 'unsigned', 'empty'])(
  'a file that was exchanged after the lock was made is refused: %s',
  async (damage) => {
    const { directory, recipe } = await repomdRecipe();
    await desk.json(['lock', recipe]);
    await rm(`${directory}/${appFile}`);
    await cp(`${(await tinyPackages()).damaged}/${damage}`, directory, { recursive: true });
    // Where it was locked, the good one is still in the store.
    const error = await desk.fails(['build', recipe, '--state', desk.path(`elsewhere-${damage}`)]);
    expect(error).toMatchObject({ code: 'DIGEST_MISMATCH', exit: 4 });
    expect(error.message).toContain('tiny-app-1.0-1');
  },
);

test('an image that is there does not outlive the trust in its packages', async () => {
  const baseurl = await desk.repository('packages', ['tiny-base']);
  const { key, strangerKey } = await tinyPackages();
  const write = (keys: string[]) =>
    desk.recipe('trust', { repos: [{ name: 'tiny', baseurl, keys }], packages: ['tiny-base'] });
  await desk.build(await write([key]));
  const error = await desk.fails(['build', await write([strangerKey])]);
  expect(error).toMatchObject({ code: 'SIGNATURE_INVALID', exit: 6 });
});
