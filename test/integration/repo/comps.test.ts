/** What groups and environments expand to: the same as in dnf, for documents made at random. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { MillinerError } from '../../../src/lib/errors/error.ts';
import { run } from '../../../src/lib/host/exec.ts';
import { expandGroups, readComps, type Comps } from '../../../src/stages/repo/comps.ts';

const documents = process.env['MILLINER_SOAK'] ? 1000 : 100;

const [groupIds, names] = [
  ['core', 'core-extra', 'web'],
  ['Core', 'Web Server', 'core', 'Café'],
];
const packages = fc.uniqueArray(
  fc.record({
    name: fc.constantFrom('bash', 'less', 'httpd', 'grub', 'vim'),
    type: fc.constantFrom('mandatory', 'default', 'optional', 'conditional', undefined),
    requires: fc.constantFrom(undefined, undefined, 'gnome'),
    basearchonly: fc.constantFrom(undefined, 'true', 'false'),
  }),
  { selector: ({ name }) => name, maxLength: 5 },
);
const group = fc.record({ id: fc.constantFrom(...groupIds), name: fc.constantFrom(...names), packages });
const ids = fc.uniqueArray(fc.constantFrom(...groupIds, 'missing'), { maxLength: 3 });
const environment = fc.record({
  id: fc.constantFrom('server', 'core', 'desktop'),
  name: fc.constantFrom('Server', 'Core', 'Desktop environment'),
  groups: ids,
  options: ids,
});
const repository = fc.record({
  groups: fc.uniqueArray(group, { selector: ({ id }) => id, maxLength: 3 }),
  environments: fc.uniqueArray(environment, { selector: ({ id }) => id, maxLength: 2 }),
});
const forms =
  '@core @Core @CORE @web @server @missing @Café @c* @co?e @*e @Web?server @^server @^core @^Desktop* @core/optional @core/mandatory,optional @c*/default'.split(
    ' ',
  );
const words = fc.array(fc.constantFrom(...forms), { minLength: 4, maxLength: 8 });
type Repository = typeof repository extends fc.Arbitrary<infer T> ? T : never;

function xmlOf({ groups, environments }: Repository): string {
  const attribute = (name: string, value: string | undefined) =>
    value === undefined ? '' : ` ${name}="${value}"`;
  const list = (tag: string, all: string[], attributes = '') =>
    `<${tag}>${all.map((id) => `<groupid${attributes}>${id}</groupid>`).join('')}</${tag}>`;
  return [
    '<?xml version="1.0" encoding="UTF-8"?><comps>',
    ...groups.map((one) => {
      const items = one.packages.map(
        ({ name, ...rest }) =>
          `<packagereq${Object.entries(rest)
            .map(([key, value]) => attribute(key, value))
            .join('')}>${name}</packagereq>`,
      );
      return `<group><id>${one.id}</id><name xml:lang="de">Kern</name><name>${one.name}</name><langonly/><packagelist>${items.join('')}</packagelist></group>`;
    }),
    ...environments.map(
      (one) =>
        `<environment><id>${one.id}</id><name>${one.name}</name>${list('grouplist', one.groups)}${list('optionlist', one.options, ' default="true"')}</environment>`,
    ),
    '</comps>',
  ].join('\n');
}

function expand(comps: Comps[], word: string): string[] | null {
  try {
    const members = expandGroups(comps, [word], 'x86_64');
    return members.map(({ name, onlyWith }) => `${name} ${onlyWith ?? ''}`).toSorted();
  } catch (error) {
    if (error instanceof MillinerError && error.code === 'SOLVE_FAILED') return null;
    throw error;
  }
}

let directory: string;
beforeAll(async () => void (directory = await mkdtemp(join(tmpdir(), 'comps-'))));
afterAll(() => rm(directory, { recursive: true }));

test('what dnf makes of random groups', async () => {
  const pairs = fc.tuple(fc.array(repository, { minLength: 1, maxLength: 2 }), words);
  const requests: { files: string[]; words: string[] }[] = [];
  for (const [index, [repositories, asked]] of fc.sample(pairs, { numRuns: documents, seed: 7 }).entries()) {
    const files = repositories.map((_, at) => join(directory, `comps-${index}-${at}.xml`));
    for (const [at, one] of repositories.entries()) await writeFile(files[at]!, xmlOf(one));
    requests.push({ files, words: asked });
  }
  const input = requests.map((request) => `${JSON.stringify(request)}\n`).join('');
  const { stdout } = await run('python3', [join(import.meta.dirname, 'comps.py')], { input });
  const answers = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as (string[] | null)[]);
  expect(answers).toHaveLength(documents);
  for (const [index, request] of requests.entries()) {
    const comps = await Promise.all(request.files.map(readComps));
    const found = request.words.map((word) => expand(comps, word));
    expect(found, JSON.stringify(request)).toEqual(answers[index]);
  }
  expect(answers.flat(2).length).toBeGreaterThan(documents);
});
