/** Modules beside dnf: which packages are hidden, and which hide others. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { run } from '../../../src/lib/host/exec.ts';
import { readModules } from '../../../src/stages/repo/modules.ts';
import { solve } from '../../../src/stages/solve/solve.ts';
import { moduleFilter } from '../../../src/stages/solve/module-filter.ts';
import { dnfs, ours, write, type Written } from './universe/compare.ts';
import type { Universe, UniversePackage } from './universe/universe.ts';
import { shareOfDay, soak } from '../../helpers/soak.ts';

let directory: string;
beforeAll(async () => void (directory = await mkdtemp(join(tmpdir(), 'modules-'))));
afterAll(() => rm(directory, { recursive: true }));

function made(name: string, version: string, more: Partial<UniversePackage> = {}): UniversePackage {
  const own = { name, epoch: 0, version, release: '1', arch: 'x86_64' as const };
  const none = {
    requires: [],
    conflicts: [],
    obsoletes: [],
    recommends: [],
    supplements: [],
    suggests: [],
    enhances: [],
  };
  return {
    ...own,
    ...none,
    files: [],
    ...more,
    provides: [`${name} = ${more.epoch ?? 0}:${version}-1`, ...(more.provides ?? [])],
  };
}

interface StreamText {
  name: string;
  stream: string;
  version?: number;
  context?: string;
  requires?: string;
  arch?: string;
  rpms: string[];
}

function streamText({
  name,
  stream,
  version = 1,
  context = 'c0',
  requires = '',
  arch = 'x86_64',
  rpms,
}: StreamText): string {
  return `---
document: modulemd
version: 2
data:
  name: ${name}
  stream: "${stream}"
  version: ${version}
  context: ${context}
  arch: ${arch}
  summary: A module
  description: A module
  license: { module: [MIT] }
  dependencies: [{ requires: { platform: [el8]${requires && `, ${requires}`} } }]
  artifacts: { rpms: [${rpms.join(', ')}] }
...
`;
}

const defaultText = (name: string, stream: string) => `---
document: modulemd-defaults
version: 1
data: { module: ${name}, stream: "${stream}", profiles: {} }
...
`;

const modulesYaml = [
  // Without a default stream; an older build of one of its streams.
  streamText({ name: 'node', stream: '16', rpms: ['node-0:16-1.x86_64', 'npm-0:8-1.x86_64'] }),
  streamText({ name: 'node', stream: '18', version: 7, rpms: ['node-1:18-1.x86_64', 'npm-0:9-1.x86_64'] }),
  streamText({
    name: 'node',
    stream: '18',
    version: 6,
    rpms: ['node-1:17.9-1.x86_64', 'npm-0:8.9-1.x86_64'],
  }),
  // With one, of a version that YAML could take for a number.
  streamText({ name: 'perl', stream: '5.30', rpms: ['perl-0:5.30-1.x86_64', 'perl-0:5.30-1.src'] }),
  streamText({ name: 'perl', stream: '5.32', rpms: ['perl-0:5.32-1.x86_64'] }),
  defaultText('perl', '5.30'),
  // That require a stream of another.
  streamText({ name: 'app', stream: '1', requires: 'perl: ["5.32"]', rpms: ['app-0:1-1.x86_64'] }),
  streamText({ name: 'app', stream: '2', requires: 'perl: []', rpms: ['app-0:2-1.x86_64'] }),
  streamText({
    name: 'tool',
    stream: 'a',
    context: 'c1',
    requires: 'perl: ["5.30"]',
    rpms: ['tool-0:1-1.x86_64'],
  }),
  streamText({
    name: 'tool',
    stream: 'a',
    context: 'c2',
    requires: 'perl: ["5.32"]',
    rpms: ['tool-0:2-1.x86_64'],
  }),
  '---\ndocument: modulemd-translations\nversion: 1\ndata: { module: app, stream: "1", modified: 1, translations: {} }\n...\n',
].join('');

const repositories: Universe['repositories'] = [
  {
    name: 'modular',
    priority: 99,
    cost: 1000,
    exclude: [],
    packages: [
      made('node', '16'),
      made('npm', '8', { requires: ['node = 16'] }),
      made('node', '18', { epoch: 1 }),
      made('node', '17.9', { epoch: 1 }),
      made('npm', '9', { requires: ['node'] }),
      made('npm', '8.9'),
      made('perl', '5.30'),
      made('perl', '5.32'),
      made('app', '1', { requires: ['perl'] }),
      made('app', '2', { requires: ['perl'] }),
      made('tool', '1', { requires: ['perl'] }),
      made('tool', '2', { requires: ['perl'] }),
    ],
  },
  {
    name: 'plain',
    priority: 99,
    cost: 1000,
    exclude: [],
    packages: [
      made('perl', '6'),
      made('node', '20'),
      made('perl-like', '1', { provides: ['perl = 7'] }),
      made('user', '1', { requires: ['perl'] }),
      made('client', '1', { requires: ['node'] }),
      made('app', '0.9'),
    ],
  },
];

const enabled = [
  [],
  ['node:16'],
  ['node:18'],
  ['perl:5.32'],
  ['app:1'],
  ['app:2'],
  ['tool:a'],
  ['perl:5.32', 'tool:a'],
  ['node:16', 'app:2'],
  ['app:1', 'perl:5.32'],
];
const all = ['node', 'client', 'app', 'tool', 'perl-like', 'npm', 'perl', 'user', 'perl-5.32', 'node-18'];
/** Two of those that dnf mostly finds. */
const words = soak ? all : shareOfDay(all.slice(0, 6), 3);

async function universes(): Promise<Written[]> {
  const base = {
    seed: 0,
    repositories,
    installed: [],
    exclude: [],
    weakDeps: false,
    best: true,
    platform: 'platform:el8',
  };
  const path = join(directory, 'modules.yaml');
  await writeFile(path, modulesYaml);
  const first = await write({ ...base, install: [] }, join(directory, 'universe'));
  await run('modifyrepo_c', ['--mdtype=modules', path, join(first.directory, 'modular/repodata')]);
  return enabled.flatMap((modules) =>
    words.map((word) => ({ ...first, universe: { ...base, modules, install: [word] } })),
  );
}

test('the same packages as dnf, whatever is enabled', async () => {
  const asked = await universes();
  const theirs = await dnfs(asked);
  const answers: Record<string, unknown> = {};
  const expected: Record<string, unknown> = {};
  for (const [index, one] of asked.entries()) {
    const { modules, install } = one.universe;
    const label = `${modules?.join(' ')}: ${install.join(' ')}`;
    answers[label] = (await ours(one)).packages ?? 'none';
    expected[label] = theirs[index]!.packages ?? 'none';
  }
  expect(answers).toEqual(expected);
  expect(theirs.filter(({ solved }) => solved).length).toBeGreaterThan(soak ? asked.length / 3 : 0);
});

type Keys = Record<string, Partial<Universe['repositories'][number]>>;

const changes: [string, Keys][] = [
  ['hotfixes', { plain: { moduleHotfixes: true } }],
  ['hotfixes beside modules of their own', { modular: { moduleHotfixes: true } }],
  ['one name of two', { plain: { include: ['perl', 'app'] } }],
  ['globs, versions and what no repository has', { modular: { include: ['perl-5.3?', 'n*', 'none'] } }],
  ['a name that only the other repository has', { plain: { include: ['npm'] } }],
  ['a dependency that is not included', { modular: { include: ['app*', 'tool'] } }],
  [
    'included, and excluded again',
    { plain: { include: ['perl*', 'user'], exclude: ['perl-6*', 'perl-like'] } },
  ],
  ['both', { plain: { include: ['node', 'client'], moduleHotfixes: true } }],
];

/** The same repositories, with keys of theirs changed; enough of what is enabled to tell. */
async function withKeys(keys: Keys): Promise<Written[]> {
  const some = (await universes()).filter(({ universe: { modules = [] } }) =>
    ['', 'perl:5.32'].includes(modules.join(' ')),
  );
  return some.map((one) => ({
    ...one,
    universe: {
      ...one.universe,
      repositories: repositories.map((repository) => ({ ...repository, ...keys[repository.name] })),
    },
  }));
}

test('the same packages as dnf, with hotfixes and with what is included', async () => {
  const asked: (Written & { label: string })[] = [];
  for (const [what, keys] of changes) {
    for (const one of await withKeys(keys)) {
      asked.push({
        ...one,
        label: `${what}: ${one.universe.modules?.join(' ')}: ${one.universe.install.join(' ')}`,
      });
    }
  }
  const theirs = await dnfs(asked);
  const [answers, expected]: Record<string, unknown>[] = [{}, {}];
  for (const [index, { label, ...one }] of asked.entries()) {
    answers![label] = (await ours(one)).packages ?? 'none';
    expected![label] = theirs[index]!.packages ?? 'none';
  }
  expect(answers).toEqual(expected);
  expect(theirs.filter(({ solved }) => solved).length).toBeGreaterThan(soak ? asked.length / 3 : 0);
});

async function read(text: string) {
  const path = join(directory, 'one.yaml');
  await writeFile(path, text);
  return readModules(path);
}

test('an unknown stream is answered with those that there are', async () => {
  const modules = [await read(modulesYaml)];
  const tried =
    (...asked: string[]) =>
    () =>
      moduleFilter(modules, asked, 'x86_64');
  expect(tried('node:99')).toThrow(/16, 18/);
  expect(tried('nobody:1')).toThrow(expect.objectContaining({ code: 'SOLVE_FAILED' }));
  expect(tried('node:16', 'node:18')).toThrow(expect.objectContaining({ code: 'SOLVE_FAILED' }));
  expect(tried('app:1')).toThrow(expect.objectContaining({ code: 'SOLVE_FAILED' }));
  expect(tried('perl:5.30', 'app:1')).toThrow(expect.objectContaining({ code: 'SOLVE_FAILED' }));
});

test('a package of streams that are not enabled is answered with these', async () => {
  const modules = moduleFilter([await read(modulesYaml)], [], 'x86_64');
  const request = { arch: 'x86_64', repositories: [], install: ['npm'], modules, weakDeps: false };
  await expect(solve(request)).rejects.toMatchObject({ hint: expect.stringContaining('node:16, node:18') });
});

test('text is text: streams that look like numbers', async () => {
  const { streams } = await read(
    streamText({ name: 'a', stream: 'x', rpms: ['a-1-1.x86_64'] }).replace('"x"', '1.10'),
  );
  expect(streams).toMatchObject([{ stream: '1.10', artifacts: ['a-0:1-1.x86_64'] }]);
});

test('of texts for people it does not matter how they are indented', async () => {
  const text = streamText({ name: 'a', stream: 'x', rpms: ['a-1-1.x86_64'] }).replace(
    'description: A module',
    "components:\n    rpms:\n      a:\n        rationale: '\n\n          The package.\n\n        '",
  );
  expect((await read(text)).streams).toMatchObject([{ name: 'a', artifacts: ['a-0:1-1.x86_64'] }]);
});

test.each([
  ['no end', '---\ndocument: modulemd\ndata: {'],
  ['no name', '---\ndocument: modulemd\ndata: { stream: a }\n'],
  ['a list', '---\ndocument: modulemd\n- a\n'],
  ['aliases', `---\ndocument: modulemd\na: &a [x, x]\nb: &b [*a, *a]\ndata: [*b, *b]\n`],
  ['a large one', `---\ndocument: modulemd\ndata: ${'x'.repeat(3_000_000)}\n`],
  ['nesting', `---\ndocument: modulemd\ndata: ${'['.repeat(100_000)}\n`],
])('refused: %s', async (_what, text) => {
  await expect(read(text)).rejects.toMatchObject({ code: 'REPO_INVALID' });
});

test('modules that require one another in too many ways are refused, not followed', async () => {
  const names = Array.from({ length: 40 }, (_, index) => index);
  const text = names.flatMap((n) =>
    ['1', '2'].map((stream) =>
      streamText({ name: `m${n}`, stream, requires: `m${n + 1}: []`, rpms: [`m${n}-0:${stream}-1.x86_64`] }),
    ),
  );
  const modules = [await read(text.join(''))];
  expect(() => moduleFilter(modules, ['m0:1'], 'x86_64')).toThrow(
    expect.objectContaining({ code: 'REPO_INVALID' }),
  );
});
