/** Metadata in any order, any compression, and damaged in any way. */
import fc from 'fast-check';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { run } from '../../../src/lib/host/exec.ts';
import type { OpenedRepository } from '../../../src/stages/repo/repository.ts';
import { solveNatively } from '../../../src/stages/solve/addon.ts';
import { solve } from '../../../src/stages/solve/solve.ts';
import { repositoryOf } from '../../helpers/solve/packages.ts';
import { mainSamples, updateSamples } from '../../helpers/solve/samples.ts';

const soak = process.env['MILLINER_SOAK'] !== undefined;
const words = ['app', 'plug', 'polite', 'picker', 'reader', 'old', 'needs32', 'web*', 'fresh'];

let directory: string;
const documents: Record<string, { primary: string; filelists: string }> = {};
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'metadata-'));
  for (const [name, samples] of Object.entries({ main: mainSamples, updates: updateSamples })) {
    const path = join(await repositoryOf(directory, name, samples), 'repodata');
    const files = await readdir(path);
    const unpack = async (type: string) =>
      gunzipSync(
        await readFile(join(path, String(files.find((file) => file.endsWith(`-${type}.xml.gz`))))),
      ).toString();
    documents[name] = { primary: await unpack('primary'), filelists: await unpack('filelists') };
  }
});
afterAll(() => rm(directory, { recursive: true }));

/** A repository as the repo stage would have opened it, over files of the test's own making. */
function repository(name: string, primary: string, filelists: string, priority = 99): OpenedRepository {
  const definition = { name, keys: [], exclude: [], gpgcheck: false, priority };
  return {
    kind: 'repomd',
    name,
    definition,
    access: {},
    bases: [],
    primary,
    packageUrls: (location) => [location],
    filelists: () => Promise.resolve(filelists),
    comps: () => Promise.resolve(undefined),
    modules: () => Promise.resolve(undefined),
    updateinfo: () => Promise.resolve(undefined),
  };
}

const answer = (repositories: OpenedRepository[], install: readonly string[]) =>
  solve({ arch: 'x86_64', repositories, install, weakDeps: true });

async function put(name: string, bytes: string | Uint8Array): Promise<string> {
  const path = join(directory, name);
  await writeFile(path, bytes);
  return path;
}

/** The packages of a document in the order that the keys give. */
function reorder(document: string, keys: readonly number[]): string {
  const packages = document.match(/<package[ >][^]*?<\/package>/g) ?? [];
  const start = document.indexOf(packages[0] ?? '');
  const order = packages.map((text, i) => ({ text, key: keys[i] ?? 0 })).toSorted((a, b) => a.key - b.key);
  return `${document.slice(0, start)}${order.map(({ text }) => text).join('\n')}</${/<(\w+)/.exec(document.slice(38))?.[1]}>`;
}

test('the order of repositories, packages and words changes nothing', async () => {
  const variant = async (serial: number, keys: readonly number[]) =>
    Promise.all(
      Object.entries(documents).map(async ([name, { primary, filelists }]) =>
        repository(
          name,
          await put(`${serial}-${name}-primary.xml`, reorder(primary, keys)),
          await put(`${serial}-${name}-filelists.xml`, reorder(filelists, keys.toReversed())),
        ),
      ),
    );
  const expected = await answer(await variant(0, []), words);
  expect(expected.packages.length).toBeGreaterThan(12);
  let attempt = 0;
  const keys = fc.array(fc.nat(), { minLength: mainSamples.length, maxLength: mainSamples.length });
  await fc.assert(
    fc.asyncProperty(
      keys,
      fc.boolean(),
      fc.shuffledSubarray(words, { minLength: words.length }),
      async (k, swap, w) => {
        const repositories = await variant(++attempt, k);
        expect(await answer(swap ? repositories.toReversed() : repositories, w)).toEqual(expected);
      },
    ),
    { numRuns: soak ? 1000 : 12 },
  );
});

test('one NEVRA twice in a repository: the newer build, wherever it stands', async () => {
  const primary = documents['main']?.primary ?? '';
  const plug = /<package[ >](?:(?!<\/package>)[^])*?<name>plug<[^]*?<\/package>/.exec(primary)?.[0] ?? '';
  const rebuilt = plug.replace(/build="\d+"/, 'build="1800000000"').replace(/href="/, 'href="rebuilt/');
  for (const both of [plug + rebuilt, rebuilt + plug]) {
    const path = await put('twice.xml', primary.replace(plug, both));
    const { packages } = await answer([repository('main', path, '')], ['plug']);
    expect(packages.map((p) => p.location)).toEqual([expect.stringMatching(/^rebuilt\//)]);
  }
});

test.each([
  ['.gz', 'gzip'],
  ['.xz', 'xz'],
  ['.zst', 'zstd'],
  ['.bz2', 'bzip2'],
])('metadata compressed to %s', async (ending, program) => {
  const { primary = '', filelists = '' } = documents['main'] ?? {};
  const paths = [await put(`by-${program}-p.xml`, primary), await put(`by-${program}-f.xml`, filelists)];
  for (const path of paths) await run(program, ['-q', '-f', path]);
  const [first = '', second = ''] = paths.map((path) => path + ending);
  expect((await answer([repository('main', first, second)], ['picker'])).packages).toHaveLength(2);
});

const broken: [string, string, (primary: string) => string | Uint8Array][] = [
  ['no XML', 'x.xml', () => 'nothing'],
  ['empty', 'x.xml', () => ''],
  ['cut short', 'x.xml', (primary) => primary.slice(0, -100)],
  ['cut short in gzip', 'x.xml.gz', (primary) => gzipSync(primary).subarray(0, -20)],
  ['cut short in zstd', 'x.xml.zst', (primary) => zstdCompressSync(primary).subarray(0, -4)],
  ['not gzip at all', 'x.xml.gz', () => Buffer.from([0x1f, 0x8b, 8, 0, 1, 2, 3])],
  ['a document type', 'x.xml', (primary) => primary.replace('<metadata', '<!DOCTYPE m []><metadata')],
  ['nested without end', 'x.xml', (p) => p.replace('name="libx"', `name="${'('.repeat(1_000_000)}libx"`)],
  [
    'nesting that comes together where text is left out',
    'x.xml',
    (p) => p.replace('name="libx"', `name="${`${'('.repeat(1500)}<summary></summary>`.repeat(100)}libx"`),
  ],
  ['hidden nesting', 'x.xml', (p) => p.replace('name="libx"', `name="${'&#40;'.repeat(1_000_000)}libx"`)],
  [
    'cut short in the header of a zstd frame',
    'x.xml.zst',
    (primary) => zstdCompressSync(primary).subarray(0, 4),
  ],
  [
    'cut short in the header of a second frame',
    'x.xml.zst',
    (p) => Buffer.concat([zstdCompressSync(p), Buffer.from('28b5', 'hex')]),
  ],
  [
    'elements nested without end',
    'x.xml',
    (p) => p.replace('<summary>', `${'<a>'.repeat(100_000)}<summary>`),
  ],
  ['a tag without end', 'x.xml', (p) => p.replace('<summary>', `<${'a'.repeat(2 ** 20)}`)],
  ['an attribute without end', 'x.xml', (p) => p.replace('name="libx"', `name="${'a'.repeat(2 ** 20)}"`)],
  ['a comment without end', 'x.xml', (p) => p.replace('<summary>', `<!-->${'<a>'.repeat(2 ** 18)}-->`)],
  [
    'text without end',
    'x.xml',
    (p) => p.replace('<rpm:sourcerpm>', `<rpm:sourcerpm>${`<!---->${'a'.repeat(2 ** 20)}`.repeat(65)}`),
  ],
  [
    'dependencies without end',
    'x.xml',
    (p) => p.replace('<rpm:provides>', `<rpm:provides>${'<rpm:entry name="x"/>'.repeat(2 ** 16 + 1)}`),
  ],
  ['a name that is a path', 'x.xml', (p) => p.replaceAll('<name>plug<', '<name>../plug<')],
  [
    'a checksum of no known kind',
    'x.xml',
    (p) => p.replaceAll('<checksum type="sha256"', '<checksum type="crc"'),
  ],
];
test.each(broken)('malformed: %s', async (_what, name, change) => {
  const path = await put(name, change(documents['main']?.primary ?? ''));
  await expect(answer([repository('main', path, '')], ['*plug'])).rejects.toMatchObject({
    code: 'REPO_INVALID',
    message: expect.stringContaining('main'),
  });
});

test('what unpacks to more than its bound is not read on', async () => {
  const path = await put('bomb.xml.gz', gzipSync(Buffer.alloc(2 ** 24, ' ')));
  const repo = {
    name: 'r',
    priority: 99,
    cost: 1000,
    kind: 'repomd' as const,
    exclude: [],
    include: [],
    moduleHotfixes: false,
    primary: path,
  };
  const input = {
    arch: 'x86_64',
    filelistsGiven: true,
    installed: [],
    install: [],
    members: [],
    exclude: [],
    weakDeps: false,
    best: true,
    explain: false,
    pins: [],
  };
  const output = await solveNatively({ ...input, repos: [{ ...repo, primaryLimit: 2 ** 20 }] });
  expect(output).toMatchObject({ solved: false, badFile: path });
});
