/** Release sets as they are loaded: what counts for each recipe, and each fault with its file, line and key. */
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { loadSet } from '../../../src/stages/recipe/load-set.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sets-'));
});
afterEach(() => rm(directory, { recursive: true }));

async function recipe(name: string, fields: object = {}, path = `${name}.yaml`): Promise<void> {
  await writeFile(join(directory, path), stringify({ name, packages: ['x'], ...fields }));
}

const set = () => join(directory, 'milliner.yaml');
async function write(fields: object): Promise<void> {
  await writeFile(set(), stringify({ name: 'night', key: 'none.key', ...fields }));
}
const failure = async () =>
  loadSet(set()).then(
    () => undefined,
    (error: unknown) => error,
  );

test('a recipe has the settings of the set but for its own', async () => {
  const own = { to: ['own.example/r'], tags: ['own'] };
  const common = { to: ['registry.example/{{name}}'], tags: ['latest'] };
  await recipe('base');
  await recipe('top', { from: 'base' });
  await mkdir(join(directory, 'recipes'));
  await recipe('below', {}, 'recipes/below.yaml');
  await write({
    update: 'security',
    hold: ['kernel'],
    quarantine: { after: 3 },
    publish: common,
    recipes: [
      'below',
      { recipe: 'top', update: 'none', hold: ['x'], publish: own, quarantine: { after: 1 } },
    ],
  });
  const { members } = await loadSet(set());
  const found = members.map((member) => {
    const { loaded: _loaded, chain, ...settings } = member;
    return { chain: chain.map((one) => one.recipe.name), ...settings };
  });
  expect(found).toEqual([
    { chain: ['below'], update: 'security', hold: ['kernel'], publish: common, quarantineAfter: 3 },
    { chain: ['base', 'top'], update: 'none', hold: ['kernel', 'x'], publish: own, quarantineAfter: 1 },
  ]);
});

test('a fault is told with file, line and key', async () => {
  await writeFile(set(), 'name: night\nkey: none.key\nrecipes: [base]\nupdate: some\nnonsense: 1\n');
  expect(await failure()).toMatchObject({
    code: 'SET_INVALID',
    details: {
      path: set(),
      faults: [
        { line: 4, key: 'update' },
        { line: 5, key: 'nonsense', text: 'there is no such key' },
      ],
    },
  });
});

test.each<[string, object, number, string]>([
  ['a report above the root', { reports: [{ format: 'text', file: '../x.txt' }] }, 3, 'reports.0.file'],
  [
    'a report that leaves by the date',
    { reports: [{ format: 'text', file: '{{date}}/../../x' }] },
    3,
    'reports.0.file',
  ],
  ['another name in a report', { reports: [{ format: 'text', file: '{{name}}' }] }, 3, 'reports.0.file'],
  ['another name in a tag', { publish: { to: ['r.example/x'], tags: ['{{env}}'] } }, 3, 'publish.tags.0'],
  [
    'code in a tag',
    { publish: { to: ['r.example/x'], tags: ['{{#each this}}{{/each}}'] } },
    3,
    'publish.tags.0',
  ],
  ['a pattern of tags with a slash', { retention: [{ tags: '../*', keep: 1 }] }, 3, 'retention.0.tags'],
  ['thousands of globs', { hold: Array(1001).fill('*a*a*a*') }, 3, 'hold'],
  ['a glob of thousands', { hold: ['*a'.repeat(1000)] }, 3, 'hold.0'],
  ['a key of no meaning', { recipes: [{ recipe: 'base', keys: [] }] }, 3, 'recipes.0.keys'],
])('%s is refused with its line', async (_what, fields, line, key) => {
  await recipe('base');
  const { recipes = ['base'], ...more } = fields as { recipes?: unknown[] };
  const lines = Object.entries({ recipes, ...more }).map(
    ([name, value]) => `${name}: ${JSON.stringify(value)}`,
  );
  await writeFile(set(), ['name: night', 'key: none.key', ...lines.toReversed()].join('\n'));
  expect(await failure()).toMatchObject({
    code: 'SET_INVALID',
    details: {
      path: set(),
      faults: expect.arrayContaining([expect.objectContaining({ line, key })]) as object,
    },
  });
});

test('an absolute path of a report, and one beneath the parent of recipes/', async () => {
  await mkdir(join(directory, 'recipes'));
  await recipe('base', {}, 'recipes/base.yaml');
  const reports = ['../reports/{{date}}.md', '/var/reports/{{date}}.md'].map((file) => ({
    format: 'markdown',
    file,
  }));
  const path = join(directory, 'recipes/milliner.yaml');
  await writeFile(path, stringify({ name: 'night', key: 'none.key', recipes: ['base'], reports }));
  expect((await loadSet(path)).set.reports).toEqual(reports);
});

test('a recipe that a link leads out of the root', async () => {
  await symlink('/etc/hostname', join(directory, 'out.yaml'));
  for (const name of ['out', '/etc/hostname', '../../etc/hostname']) {
    await write({ recipes: [name] });
    const { code } = (await failure()) as { code: string };
    expect(['SET_INVALID', 'FILE_OUTSIDE']).toContain(code);
  }
});

test('a set that is not there', async () => {
  expect(await failure()).toMatchObject({ code: 'SET_NOT_FOUND' });
});

test.each([
  ['a recipe that is not there', ['no-such']],
  ['a recipe outside of the root', ['../outside']],
  ['a recipe that occurs twice', ['base', 'base.yaml']],
  ['two recipes of one name', ['base', 'copy.yaml']],
  ['a recipe between two others', ['base', 'top']],
])('%s is refused', async (_what, recipes) => {
  await recipe('base');
  await recipe('base', {}, 'copy.yaml');
  await recipe('between', { from: 'base' });
  await recipe('top', { from: 'between' });
  await write({ recipes });
  expect(await failure()).toMatchObject({ code: 'SET_INVALID' });
});

test('two images under one tag are refused, and told apart by their names', async () => {
  await recipe('base');
  await recipe('other');
  await write({ recipes: ['base', 'other'], publish: { to: ['registry.example/all'], tags: ['latest'] } });
  expect(await failure()).toMatchObject({ code: 'SET_INVALID', hint: 'Put {{name}} into it.' });
  await recipe('written');
  const publish = { to: ['registry.example/{{name}}'], tags: ['latest'] };
  await write({
    recipes: [
      { recipe: 'base', publish },
      { recipe: 'written', publish: { ...publish, to: ['registry.example/base'] } },
    ],
  });
  expect(await failure()).toMatchObject({ code: 'SET_INVALID' });
  await write({
    recipes: ['base', 'other'],
    publish: { to: ['registry.example/{{ name }}'], tags: ['latest'] },
  });
  expect((await loadSet(set())).members).toHaveLength(2);
});
