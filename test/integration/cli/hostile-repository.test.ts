/**
 * The command itself against a server that means harm: what ends up in the state, and what it takes in memory and on
 * disk. Against one that means well: what is asked for twice, and what goes on without it.
 */
import { createHash } from 'node:crypto';
import { glob, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip, createZstdCompress, gzipSync } from 'node:zlib';
import { createWriteStream } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { run, start } from '../../../src/lib/host/exec.ts';
import { useOneProcess } from '../../helpers/command-client.ts';
import { cli, Desk, network } from '../../helpers/milliner.ts';
import { createRepository } from '../../helpers/repo/edit-primary.ts';
import { faults, metalinkOf, Mirror } from '../../helpers/repo/mirror.ts';
import { appFile, tinyPackages } from '../../helpers/tiny/tiny.ts';
import { leftovers } from '../../helpers/traces.ts';
import { shareOfDay, soak } from '../../helpers/soak.ts';
import { dataOf } from '../../helpers/sparse-file.ts';

useOneProcess();

const MiB = 1024 * 1024;
/** Of the process itself: Node and libsolv take some 150 MiB for a repository of two packages. */
const mostMemory = 400 * MiB;
/** A refused answer may have come up to the largest repomd.xml that is taken. */
const mostDisk = 40 * MiB;

let desk: Desk;
let repository: string;
const mirrors: Mirror[] = [];
beforeEach(async () => {
  desk = await Desk.open();
  repository = await desk.repository('served', ['tiny-base', 'tiny-app']);
  await createRepository(repository);
});
afterEach(async () => {
  for (const mirror of mirrors.splice(0)) mirror.close();
  expect(await leftovers(desk.directory)).toEqual([]);
  await desk.remove();
});

/** All that lies in a directory, as a server's files below /r/. */
async function filesOf(directory: string): Promise<Record<string, Buffer>> {
  const files: Record<string, Buffer> = {};
  for (const entry of await readdir(directory, { withFileTypes: true, recursive: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile()) files[`/r${path.slice(directory.length)}`] = await readFile(path);
  }
  return files;
}

async function serve(files?: Record<string, Buffer | string>): Promise<Mirror> {
  const mirror = await Mirror.start(files ?? (await filesOf(repository)));
  mirrors.push(mirror);
  return mirror;
}

async function recipe(fields: object, packages: string[] = ['tiny-app']): Promise<string> {
  const { key } = await tinyPackages();
  const repos = [{ name: 'tiny', keys: [key], timeout: '1s', ...fields }];
  return desk.recipe('remote', { repos, packages });
}

interface Measured {
  code: number | undefined;
  answer: { error?: { code: string; message: string; details?: object } };
  output: string;
  /** Bytes. */
  peak: number;
}

async function measured(args: string[], env: Record<string, string> = {}): Promise<Measured> {
  const file = desk.path('peak');
  const node = ['--import', join(import.meta.dirname, 'peak.ts'), cli];
  const result = await start(process.execPath, [...node, ...args, '--json'], {
    cwd: desk.directory,
    env: { MILLINER_STATE: desk.state, MILLINER_TEST_PEAK: file, ...network, ...env },
  });
  return {
    code: result.exitCode,
    answer: JSON.parse(result.stdout) as Measured['answer'],
    output: result.stdout + result.stderr,
    peak: Number(await readFile(file, 'utf8')),
  };
}

/** Blobs and metadata whose name tells another digest than they have, and bytes of everything that is kept. */
async function inState(): Promise<{ unverified: string[]; bytes: number }> {
  const unverified: string[] = [];
  let bytes = 0;
  for (const folder of ['blobs/sha256', 'metadata', 'downloads', 'ingest']) {
    for (const name of await readdir(join(desk.state, folder))) {
      const path = join(desk.state, folder, name);
      bytes += (await stat(path)).size;
      const promised = /(?:^|-sha256-)([0-9a-f]{64})(?:\.xml(?:\.\w+)?)?$/.exec(name)?.[1];
      if (promised === undefined || name.endsWith('.part')) continue;
      const digest = createHash('sha256')
        .update(await readFile(path))
        .digest('hex');
      if (digest !== promised) unverified.push(`${folder}/${name}`);
    }
  }
  return { unverified, bytes };
}

test.each([
  ['repomd.xml', 'isEndless', 'REPO_UNAVAILABLE'],
  ['-primary.xml.gz', 'isEndless', 'DIGEST_MISMATCH'],
  [appFile, 'isEndless', 'DIGEST_MISMATCH'],
  [appFile, 'isGarbage', 'DIGEST_MISMATCH'],
  [appFile, 'goesToAFile', 'REPO_UNAVAILABLE'],
] as const)('%s %s: an error, and nothing of it stays', async (file, fault, code) => {
  const mirror = await serve();
  mirror.fault(file, faults[fault]);
  const ended = await measured(['build', await recipe({ baseurl: mirror.base })]);
  expect(ended).toMatchObject({ code: 4, answer: { error: { code } } });
  expect(ended.peak).toBeLessThan(mostMemory);
  expect(mirror.sent).toBeLessThan(mostDisk);
  const { unverified, bytes } = await inState();
  expect(unverified).toEqual([]);
  expect(bytes).toBeLessThan(mostDisk);
});

test('of several mirrors any may be faulty, in each file another one', async () => {
  const [first, second, third] = [await serve(), await serve(), await serve()];
  first.fault('repomd.xml', faults.isEndless);
  second.fault('-primary.xml.gz', faults.isGarbage);
  third.fault(appFile, faults.isShorter);
  const repomd = await readFile(join(repository, 'repodata/repomd.xml'));
  const list = await serve({ '/m': metalinkOf(repomd, [first, second, third]) });
  const ended = await measured(['build', await recipe({ metalink: `${list.url}/m` })]);
  expect(ended).toMatchObject({ code: 0, answer: { packages: 2 } });
  expect((await inState()).unverified).toEqual([]);
});

/** How a file of this ending is compressed. */
const compressors = {
  gz: () => createGzip({ level: 9 }),
  zst: () => createZstdCompress(),
  xz: 'xz',
  bz2: 'bzip2',
} as const;
type Compression = keyof typeof compressors;

/** A document that unpacks to `size` bytes and is well-formed, as far as anybody reads it. */
async function bomb(
  type: 'primary' | 'filelists' | 'group',
  compression: Compression,
  size: number,
): Promise<Buffer> {
  const path = desk.path(`bomb.${compression}`);
  const root = type === 'group' ? 'comps' : type === 'primary' ? 'metadata' : 'filelists';
  function* document() {
    yield Buffer.from(`<${root} packages="0">`);
    for (let left = size; left > 0; left -= 65536) yield Buffer.from('<a/>'.padEnd(65536));
    yield Buffer.from(`</${root}>`);
  }
  const compressor = compressors[compression];
  if (typeof compressor !== 'string') {
    await pipeline(Readable.from(document()), compressor(), createWriteStream(path));
    return readFile(path);
  }
  const plain = desk.path('bomb');
  await pipeline(Readable.from(document()), createWriteStream(plain));
  await rm(`${plain}.${compression}`, { force: true });
  await run(compressor, ['-1', plain]);
  return readFile(`${plain}.${compression}`);
}

/** Puts the bomb in the place of the type's file; repomd.xml vouches for it, and for the size that it should have. */
async function plant(
  type: 'primary' | 'filelists' | 'group',
  compression: Compression,
  bytes: Buffer,
  openSize?: number,
): Promise<void> {
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const name = `repodata/${type}.xml.${compression}`;
  await writeFile(join(repository, name), bytes);
  const path = join(repository, 'repodata/repomd.xml');
  const entry = `<data type="${type}"><checksum type="sha256">${sha256}</checksum><location href="${name}"/>
    <size>${bytes.length}</size>${openSize === undefined ? '' : `<open-size>${openSize}</open-size>`}</data>`;
  const others = (await readFile(path, 'utf8')).replace(
    new RegExp(`<data type="${type}">.*?</data>`, 's'),
    '',
  );
  await writeFile(path, others.replace('</repomd>', `${entry}</repomd>`));
}

/** Beyond what primary and comps may have: the bound of the first is 1 GiB, so that only a soak waits for it. */
const bombs: ['primary' | 'filelists' | 'group', Compression, number][] = [
  ['group', 'gz', 80 * MiB],
  ['group', 'xz', 80 * MiB],
  ['group', 'zst', 80 * MiB],
  ['group', 'bz2', 80 * MiB],
  ...(soak
    ? (['gz', 'xz', 'zst', 'bz2'] as const).map((compression): ['primary', Compression, number] => [
        'primary',
        compression,
        1100 * MiB,
      ])
    : []),
];

test.each(shareOfDay(bombs, 2))('a bomb: %s.xml.%s', async (type, compression, size) => {
  const bytes = await bomb(type, compression, size);
  await plant(type, compression, bytes);
  const packages = type === 'group' ? ['@core'] : ['tiny-app'];
  const ended = await measured(['lock', await recipe({ baseurl: repository }, packages)]);
  expect(ended).toMatchObject({ code: 4, answer: { error: { code: 'REPO_INVALID' } } });
  expect(ended.peak).toBeLessThan(mostMemory);
  expect((await inState()).bytes).toBeLessThan(bytes.length + mostDisk);
});

/** Half of them have each compression, with one of the types. */
const understated = [
  ['primary', 'gz'],
  ['filelists', 'gz'],
  ['filelists', 'xz'],
  ['primary', 'xz'],
  ['primary', 'zst'],
  ['filelists', 'zst'],
  ['filelists', 'bz2'],
  ['primary', 'bz2'],
] as const;

test.each(shareOfDay(understated, 2))('%s.xml.%s unpacks to more than it says', async (type, compression) => {
  const bytes = await bomb(type, compression, 32 * MiB);
  await plant(type, compression, bytes, MiB);
  // Which package has this file only the full lists could tell.
  const packages = type === 'filelists' ? ['/nowhere/at/all'] : ['tiny-app'];
  const ended = await measured(['lock', await recipe({ baseurl: repository }, packages)]);
  expect(ended).toMatchObject({ code: 4, answer: { error: { code: 'REPO_INVALID' } } });
  expect(ended.answer.error?.message).toContain(type);
  expect(ended.peak).toBeLessThan(mostMemory);
});

test.each([
  ['text', '<package type="rpm"><name>'],
  ['comment', '<!--'],
  ['attribute', '<package type="'],
])('one %s as long as the file', async (_what, opening) => {
  const bytes = gzipSync(`<metadata>${opening}${'x'.repeat(64 * MiB)}`);
  await plant('primary', 'gz', bytes);
  const ended = await measured(['lock', await recipe({ baseurl: repository })]);
  expect(ended).toMatchObject({ code: 4, answer: { error: { code: 'REPO_INVALID' } } });
  expect(ended.peak).toBeLessThan(mostMemory);
});

test('a lock twice in a row: what has not changed is not sent, and not asked for offline', async () => {
  const mirror = await serve();
  const path = await recipe({ baseurl: mirror.base });
  const missing = await desk.fails(['lock', path, '--offline']);
  expect(missing).toMatchObject({
    code: 'OFFLINE_MISSING',
    exit: 4,
    details: { missing: 'repomd.xml of repository tiny' },
  });
  expect(mirror.asked).toEqual([]);
  const first = await desk.json<{ lockDigest: string }>(['lock', path]);
  const before = mirror.asked.length;
  expect(await desk.json(['lock', path])).toMatchObject({ lockDigest: first.lockDigest });
  expect(mirror.asked.slice(before).map(({ path: asked, status }) => [asked, status])).toEqual([
    ['/r/repodata/repomd.xml', 304],
  ]);
  const asked = mirror.asked.length;
  expect(await desk.json(['lock', path, '--offline'])).toMatchObject({ lockDigest: first.lockDigest });
  // The lock's plan of layers has looked into the packages: without them in the store, they are missing.
  const blobs = join(desk.state, 'blobs/sha256');
  for (const name of await readdir(blobs)) await rm(join(blobs, name));
  const absent = await desk.fails(['build', path, '--offline']);
  expect(absent).toMatchObject({ code: 'OFFLINE_MISSING', exit: 4 });
  expect(absent.message).toMatch(/tiny-(?:app|base)-1\.0-1/);
  expect(mirror.asked.length).toBe(asked);
  const online = await desk.build(path);
  mirror.close();
  expect((await desk.build(path, '--offline')).manifestDigest).toBe(online.manifestDigest);
});

test('a base of a registry that is not here is missing offline', async () => {
  const image = 'registry.invalid/base:1';
  const path = await desk.recipe('based', { from: { image, unsigned: true } });
  expect(await desk.fails(['lock', path, '--offline'])).toMatchObject({
    code: 'OFFLINE_MISSING',
    details: { missing: image },
  });
});

test('older metadata: refused with both ages, allowed by name', async () => {
  const path = await recipe({ baseurl: repository });
  await desk.json(['lock', path]);
  const repomd = join(repository, 'repodata/repomd.xml');
  const text = await readFile(repomd, 'utf8');
  await writeFile(repomd, text.replace(/<revision>\d+/, '<revision>1'));
  const refused = await desk.fails(['lock', path]);
  expect(refused).toMatchObject({
    code: 'METADATA_OLDER',
    exit: 4,
    details: { repository: 'tiny', found: { revision: 1 } },
  });
  expect(await desk.fails(['lock', path, '--allow-older', 'other'])).toMatchObject({
    code: 'USAGE',
    exit: 2,
  });
  await desk.json(['lock', path, '--allow-older', 'tiny']);
  await desk.json(['lock', path]);
});

test('a password is in no output, no lock and no state, and not in a recipe', async () => {
  const password = 'a hat of felt';
  const mirror = await serve();
  const path = await recipe({ baseurl: mirror.base });
  const env = {
    MILLINER_REPO_TINY_USERNAME: 'hatter',
    MILLINER_REPO_TINY_PASSWORD: password,
    MILLINER_REPO_TINY_URL: mirror.url,
  };
  const built = await measured(['build', path], env);
  expect(built.code).toBe(0);
  const expected = `Basic ${Buffer.from(`hatter:${password}`).toString('base64')}`;
  expect(new Set(mirror.asked.map(({ headers }) => headers.authorization))).toEqual(new Set([expected]));
  mirror.remove('/r/repodata/repomd.xml');
  const failed = await measured(['lock', path, '--debug'], env);
  expect(failed.answer.error?.code).toBe('REPO_UNAVAILABLE');
  const needles = `${password}|${expected.slice(6)}`;
  const grep = ['--exclude=disk.ext4', '-rlaE', needles, desk.directory];
  expect((await run('grep', grep, { allow: [0, 1] })).stdout).toBe('');
  for (const disk of await Array.fromAsync(glob(`${desk.directory}/**/disk.ext4`)))
    expect(new RegExp(needles).test((await dataOf(disk)).toString('latin1'))).toBe(false);
  expect(built.output + failed.output).not.toContain(password);
  const inUrl = await recipe({ baseurl: mirror.base.replace('//', '//hatter:secret@') });
  const refused = await desk.fails(['lock', inUrl]);
  expect(refused).toMatchObject({ code: 'RECIPE_INVALID', exit: 3 });
  expect(refused.message).toContain('MILLINER_REPO_NAME_PASSWORD');
  expect(JSON.stringify(refused)).not.toContain('secret');
});

test('a key by its fingerprint: another one is an error with both', async () => {
  const { key, strangerKey } = await tinyPackages();
  const home = ['--homedir', await mkdtemp(desk.path('gpg-'))];
  const { stdout } = await run('gpg', [...home, '--with-colons', '--show-keys', strangerKey]);
  const fingerprint = /^fpr:+([0-9A-F]{40}):/m.exec(stdout)![1]!;
  const keys = [{ file: key, fingerprint }];
  const refused = await desk.fails(['lock', await recipe({ baseurl: repository, keys })]);
  expect(refused).toMatchObject({ code: 'KEY_INVALID', exit: 6, details: { file: key, fingerprint } });
  const stranger = await recipe({ baseurl: repository, keys: [{ file: strangerKey, fingerprint }] });
  await desk.json(['lock', stranger]);
  expect(await desk.fails(['build', stranger])).toMatchObject({ code: 'SIGNATURE_INVALID', exit: 6 });
});
