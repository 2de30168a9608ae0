import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { MillinerError } from '../../../src/lib/errors/error.ts';
import { recipeSchema } from '../../../src/stages/recipe/schema.ts';
import { readYaml } from '../../../src/stages/recipe/yaml.ts';

const directory = mkdtempSync(join(tmpdir(), 'milliner-yaml-'));
afterAll(() => rmSync(directory, { recursive: true }));

async function faultsOf(text: string | Buffer): Promise<unknown> {
  const path = join(directory, 'recipe.yaml');
  writeFileSync(path, text);
  const error = await readYaml(path, recipeSchema).catch((thrown: unknown) => thrown);
  if (!(error instanceof MillinerError)) return error;
  expect(error.code).toBe('RECIPE_INVALID');
  return (error.details['faults'] as { line: number; key: string }[]).map(({ line, key }) => [line, key]);
}

test.each([
  ['an unknown key', 'name: a\npackages: [b]\npakages: [c]\n', [[3, 'pakages']]],
  ['a wrong type', 'name: a\npackages: bash\n', [[2, 'packages']]],
  ['a bad name', 'name: A b\n', [[1, 'name']]],
  ['a missing name', 'packages: [a]\n', [[1, 'name']]],
  [
    'an unquoted mode',
    'name: a\nfiles:\n  - path: /etc/x\n    content: ""\n    mode: 0644\n',
    [[5, 'files.0.mode']],
  ],
  ['a path that climbs', 'name: a\nfiles:\n  - { path: /etc/../x, content: "" }\n', [[3, 'files.0.path']]],
  ['neither template nor content', 'name: a\nfiles:\n  - path: /etc/x\n', [[3, 'files.0']]],
  [
    'no key for a checked repository',
    'name: a\nrepos:\n  - name: r\n    baseurl: /x\n',
    [[3, 'repos.0.keys']],
  ],
  [
    'two sources of a repository',
    'name: a\nrepos:\n  - { name: r, baseurl: /x, metalink: "https://x/", gpgcheck: false }\n',
    [[3, 'repos.0']],
  ],
  [
    'a password in one of several base URLs',
    'name: a\nrepos:\n  - { name: r, baseurl: [/x, "https://u:p@x/"], gpgcheck: false }\n',
    [[3, 'repos.0']],
  ],
  [
    'no base URL at all',
    'name: a\nrepos:\n  - name: r\n    baseurl: []\n    gpgcheck: false\n',
    [[4, 'repos.0.baseurl']],
  ],
  [
    'a key by a short fingerprint',
    'name: a\nrepos:\n  - name: r\n    baseurl: /x\n    keys: [{ file: k, fingerprint: "AB12" }]\n',
    [[5, 'repos.0.keys.0.fingerprint']],
  ],
  ['an unknown compression', 'name: a\nlayers:\n  compression: lzma\n', [[3, 'layers.compression']]],
  ['a level that gzip lacks', 'name: a\nlayers:\n  compression: gzip\n  level: 10\n', [[4, 'layers.level']]],
  ['a repeated key', 'name: a\nname: b\n', [[2, '']]],
  ['broken YAML', 'name: [a\n', [[1, '']]],
  ['a file that is too large', ' '.repeat(2 ** 20 + 1), [[1, '']]],
  ['bytes that are no text', Buffer.from([0x6e, 0xff, 0xfe]), [[1, '']]],
])('%s is told by line and key', async (_name, text, expected) => {
  expect(await faultsOf(text)).toEqual(expected);
});

test('aliases cannot blow a file up', async () => {
  const levels = Array.from(
    { length: 12 },
    (_, i) => `l${i + 1}: &l${i + 1} [${`*l${i}, `.repeat(9)}*l${i}]`,
  );
  writeFileSync(join(directory, 'bomb.yaml'), ['l0: &l0 [x]', ...levels].join('\n'));
  await expect(readYaml(join(directory, 'bomb.yaml'), recipeSchema)).rejects.toMatchObject({
    code: 'RECIPE_INVALID',
  });
});

test('what is nested too deeply is told like any other fault', async () => {
  // Where the stack ends differs, and with it what the parser makes of it.
  for (const opening of ['[', '- ', '{a: ', '? ']) {
    for (const depth of [2000, 5000, 20_000]) {
      const found = await faultsOf(opening.repeat(depth));
      expect(found).toContainEqual([1, '']);
    }
  }
});

test('of a file full of faults the first are told', async () => {
  // Each of them once took a walk through all of the text.
  expect(await faultsOf('"'.repeat(200_000))).toEqual(Array.from({ length: 100 }, () => [1, '']));
});

test('defaults are filled in', async () => {
  writeFileSync(join(directory, 'small.yaml'), 'name: a\nrelease: 43\n');
  const recipe = await readYaml(join(directory, 'small.yaml'), recipeSchema);
  expect(recipe).toMatchObject({ release: '43', weakDeps: false, docs: true, tools: { packages: ['rpm'] } });
  expect(recipe.layers).toEqual({ compression: 'zstd' });
});

const lines = (count: number, line: (index: number) => string) =>
  Array.from({ length: count }, (_, i) => line(i));
const quarter = 95_000 / 4;

test.each<[string, string, [number, string][]]>([
  ['an alias of what it is in', 'name: a\nvalues: &v\n  x: [*v]\n', [[3, '']]],
  ['an alias of itself', 'name: a\nvalues: &v { x: &w [*w] }\n', [[2, '']]],
  [
    'a circle by way of two',
    'a: &a\n  b: &b\n    - *a\n    - *b\n',
    [
      [3, ''],
      [4, ''],
    ],
  ],
  ['a merge of what it is in', '%YAML 1.1\n---\nname: a\nvalues: &v\n  <<: *v\n', [[5, '']]],
  ['a key that is a list', 'name: a\n? [b, c]\n: d\n', [[2, '']]],
  ['a key that is an alias', 'name: &n a\n*n : d\n', [[2, '']]],
  ['a number and a word that are one key', 'values: { 1: a, "1": b }\n', [[1, '']]],
  ['a repeated key deep inside', `name: a\nvalues:\n  - a: { x: 1,\n      x: 2 }\n`, [[4, '']]],
  [
    'a depth that is read, and too great',
    `name: a\nvalues: { a: ${'['.repeat(120)}${']'.repeat(120)} }\n`,
    [[2, '']],
  ],
  [
    'more aliases than anybody needs',
    `name: &a a\n${lines(101, (i) => `k${i}: *a`).join('\n')}\n`,
    [[102, '']],
  ],
])('%s is told by its line', async (_name, text, expected) => {
  expect(await faultsOf(text)).toEqual(expected);
});

/** Each would take minutes where something is done for every pair of its parts: the limit only ends what does. */
test.each<[string, string, number]>([
  ['keys', lines(95_000, (i) => `k${i}: 1`).join('\n'), 1],
  ['keys in braces', `{${lines(95_000, (i) => `k${i}: 1`).join(', ')}}`, 1],
  ['keys of values', `name: a\nvalues:\n${lines(95_000, (i) => `  k${i}: 1`).join('\n')}`, 1],
  ['aliases', `a: &a 1\nb: [${'*a,'.repeat(300_000)}]`, 1],
  ['closing brackets', ']'.repeat(1_000_000), 1],
  ['keys that are not known', lines(quarter, (i) => `k${i}: 1`).join('\n'), 100],
  ['the same key', 'k: 1\n'.repeat(quarter), 100],
  ['keys without a value', `{${lines(quarter * 2, (i) => `k${i}`).join(',')}}`, 100],
  ['anchors', `[${lines(quarter, (i) => `&a${i} x`).join(', ')}]`, 1],
  ['files', `name: a\nfiles:\n${lines(9_000, (i) => `- { path: /a${i}, mod: x }`).join('\n')}`, 100],
])('a file of %s is refused', { timeout: 60_000 }, async (_name, text, count) => {
  expect(await faultsOf(text)).toHaveLength(count);
});

test('a recipe of many keys that are right is read', { timeout: 60_000 }, async () => {
  const keys = lines(quarter, (i) => `  k${i}: 1`);
  writeFileSync(join(directory, 'large.yaml'), `name: a\nvalues:\n${keys.join('\n')}\n`);
  const { values } = await readYaml(join(directory, 'large.yaml'), recipeSchema);
  expect(Object.keys(values)).toHaveLength(quarter);
});
