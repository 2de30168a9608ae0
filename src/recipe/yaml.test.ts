import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { MillinerError } from '../errors.ts';
import { recipeSchema } from './schema.ts';
import { readYaml } from './yaml.ts';

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
  ['broken YAML', 'name: [a\n', [[2, '']]],
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
