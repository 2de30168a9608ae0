/** Mirrors with every kind of fault, in front of an honest one and alone. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { silent } from '../../../src/lib/host/progress.ts';
import type { MetadataRepository } from '../../../src/stages/repo/metadata.ts';
import { openRepository, type RepositoryDefinition } from '../../../src/stages/repo/repository.ts';
import {
  faults,
  metalinkOf,
  Mirror,
  repositoryState,
  sha256,
  type Fault,
} from '../../helpers/repo/mirror.ts';

const made: (() => Promise<void> | void)[] = [];
afterAll(async () => {
  for (const undo of made) await undo();
});

async function start(files: Record<string, Buffer | string>): Promise<Mirror> {
  const mirror = await Mirror.start(files);
  made.push(() => mirror.close());
  return mirror;
}

interface Place {
  cache: string;
  seenDir: string;
}

async function place(): Promise<Place> {
  const directory = await mkdtemp(join(tmpdir(), 'mirrors-'));
  made.push(() => rm(directory, { recursive: true }));
  return { cache: join(directory, 'cache'), seenDir: join(directory, 'seen') };
}

/** A slow one is given up after half a second. */
async function open(
  { cache, seenDir }: Place,
  rest: Partial<RepositoryDefinition>,
  options: { offline?: boolean } = {},
): Promise<MetadataRepository> {
  const definition = { name: 'r', keys: [], exclude: [], gpgcheck: false, timeout: 500, ...rest };
  const common = { arch: 'x86_64', progress: silent, seenDir, ...options };
  return (await openRepository(definition, cache, common)) as MetadataRepository;
}

/** The files in the cache whose checksum is not the one in their name; documents are those of honest mirrors. */
async function unverified({ cache }: Place, documents: readonly Buffer[]): Promise<string[]> {
  const honest = new Set(documents.map((bytes) => sha256(bytes)));
  const wrong: string[] = [];
  for (const name of await readdir(cache).catch(() => [])) {
    const bytes = await readFile(join(cache, name));
    const kept = name.startsWith('document-') && (JSON.parse(String(bytes)) as { base64: string }).base64;
    const good = kept
      ? honest.has(sha256(Buffer.from(kept, 'base64')))
      : name.startsWith(`primary-sha256-${sha256(bytes)}.`) || (name.endsWith('.part') && bytes.length === 0);
    if (!good) wrong.push(name);
  }
  return wrong;
}

const state = repositoryState(1000);
const primary = 'primary.xml.gz';
const repomd = 'repomd.xml';
const cases = [repomd, primary].flatMap((file) =>
  Object.entries(faults).map(([name, fault]): [string, string, Fault] => [`${file} ${name}`, file, fault]),
);

/** Nobody vouches for that repomd.xml, and those primaries are there, whole, when it turns out that more was announced. */
const harmless = [`${repomd} isLonger`, `${primary} announcesMore`, `${primary} announcesTerabytes`];

test.concurrent.each(cases)('%s: the next mirror is asked', async (name, file, fault) => {
  const [bad, good] = [await start(state.files), await start(state.files)];
  bad.fault(file, fault);
  const list = await start({ '/list': `${bad.base}\n${good.base}\n` });
  const here = await place();
  const opened = await open(here, { mirrorlist: `${list.url}/list` });
  expect(await readFile(opened.primary)).toEqual(state.primary);
  expect(bad.paths()[0]).toBe('/r/repodata/repomd.xml');
  if (!harmless.includes(name)) {
    expect(good.paths().some((path) => path.endsWith(file))).toBe(true);
    expect(await unverified(here, [state.repomd, Buffer.from(`${bad.base}\n${good.base}\n`)])).toEqual([]);
  }
  // The largest that is taken, and what lies in buffers between two processes.
  expect(bad.sent).toBeLessThan(32 * 1024 * 1024);
});

test.concurrent.each([
  ['repomd.xml', 'isAbsent', 'REPO_UNAVAILABLE'],
  ['repomd.xml', 'saysNothing', 'REPO_UNAVAILABLE'],
  ['repomd.xml', 'isSlow', 'REPO_UNAVAILABLE'],
  ['repomd.xml', 'cutsOff', 'REPO_UNAVAILABLE'],
  ['repomd.xml', 'isShorter', 'REPO_INVALID'],
  ['repomd.xml', 'announcesLess', 'REPO_INVALID'],
  ['repomd.xml', 'isALoginPage', 'REPO_INVALID'],
  ['repomd.xml', 'isEndless', 'REPO_UNAVAILABLE'],
  ['repomd.xml', 'goesInCircles', 'REPO_UNAVAILABLE'],
  ['repomd.xml', 'goesToAFile', 'REPO_UNAVAILABLE'],
  ['primary.xml.gz', 'isSlow', 'REPO_UNAVAILABLE'],
  ['primary.xml.gz', 'cutsOff', 'REPO_UNAVAILABLE'],
  ['primary.xml.gz', 'isShorter', 'DIGEST_MISMATCH'],
  ['primary.xml.gz', 'isLonger', 'DIGEST_MISMATCH'],
  ['primary.xml.gz', 'announcesLess', 'DIGEST_MISMATCH'],
  ['primary.xml.gz', 'isGarbage', 'DIGEST_MISMATCH'],
  ['primary.xml.gz', 'isEndless', 'DIGEST_MISMATCH'],
] as const)('%s %s, and no other mirror', async (file, fault, code) => {
  const bad = await start(state.files);
  bad.fault(file, faults[fault]);
  const here = await place();
  await expect(open(here, { baseurl: bad.base })).rejects.toMatchObject({ code });
  const left = await unverified(here, [state.repomd]);
  // What a server that broke off had sent is kept for the next try, under a name that nobody reads.
  expect(left.filter((name) => !name.endsWith('.part'))).toEqual([]);
  expect(await readdir(here.seenDir).catch(() => [])).toEqual([]);
  expect(bad.sent).toBeLessThan(32 * 1024 * 1024);
});

test('a mirror whose repomd.xml is good but whose files are not, before one with another state', async () => {
  const [newer, older] = [repositoryState(2000), repositoryState(1000)];
  const [bad, good] = [await start(newer.files), await start(older.files)];
  bad.fault(primary, faults.isGarbage);
  const list = await start({ '/list': `${bad.base}\n${good.base}\n` });
  const opened = await open(await place(), { mirrorlist: `${list.url}/list` });
  expect(await readFile(opened.primary)).toEqual(older.primary);
});

test('metalink: by preference; what it does not vouch for is passed over, what it once did is taken', async () => {
  const [old, now, forged] = [repositoryState(1000), repositoryState(2000), repositoryState(2000, 'forged')];
  const mirrors = [await start(forged.files), await start(old.files), await start(now.files)];
  const list = await start({
    '/new': metalinkOf(now.repomd, mirrors),
    '/both': metalinkOf(now.repomd, mirrors, { older: [old.repomd] }),
    '/none': metalinkOf(repositoryState(3000).repomd, mirrors),
  });
  const here = await place();
  const both = await open(here, { metalink: `${list.url}/both` });
  expect(await readFile(both.primary)).toEqual(old.primary);
  expect(mirrors.map((mirror) => mirror.asked.length)).toEqual([1, 2, 0]);
  const newest = await open(here, { metalink: `${list.url}/new` });
  expect(await readFile(newest.primary)).toEqual(now.primary);
  await expect(open(here, { metalink: `${list.url}/none` })).rejects.toMatchObject({
    code: 'DIGEST_MISMATCH',
    details: { mirrors: [{ code: 'DIGEST_MISMATCH' }, {}, {}] },
  });
});

const hash = (type: string, value: string) => `<hash type="${type}">${value}</hash>`;

test.each([
  ['a size that it does not have', { size: 1 }, 'DIGEST_MISMATCH'],
  [
    'several hashes: the strongest counts',
    { hashes: hash('md5', '0'.repeat(32)) + hash('sha256', sha256(state.repomd)) },
    '',
  ],
  [
    'several hashes, the strongest wrong',
    { hashes: hash('sha512', '0'.repeat(128)) + hash('sha256', sha256(state.repomd)) },
    'DIGEST_MISMATCH',
  ],
  ['no hash that is known', { hashes: hash('crc32', '00000000') }, 'REPO_INVALID'],
])('metalink: %s', async (_what, vouched, code) => {
  const mirror = await start(state.files);
  const list = await start({ '/m': metalinkOf(state.repomd, [mirror], vouched) });
  const opened = open(await place(), { metalink: `${list.url}/m` });
  if (code) await expect(opened).rejects.toMatchObject({ code });
  else expect(await readFile((await opened).primary)).toEqual(state.primary);
});

test('what has not changed is not sent again, and what was refused is not kept', async () => {
  const mirror = await start(state.files);
  const list = await start({ '/m': metalinkOf(state.repomd, [mirror]) });
  const here = await place();
  const metalink = `${list.url}/m`;
  await open(here, { metalink });
  await open(here, { metalink });
  const statuses = ({ asked }: Mirror) => asked.map(({ status }) => status);
  expect([statuses(list), statuses(mirror)]).toEqual([
    [200, 304],
    [200, 200, 304],
  ]);
  const forged = repositoryState(1000, 'forged');
  mirror.put(forged.files);
  await expect(open(here, { metalink })).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
  mirror.put(state.files);
  await open(here, { metalink });
  expect(statuses(mirror).slice(3)).toEqual([200, 304]);
});

test('offline: all that was used, nothing else, and no server is asked', async () => {
  const filelists = Buffer.from('never asked for');
  const whole = repositoryState(1000, 'offline', { 'filelists.xml.gz': filelists });
  const mirror = await start(whole.files);
  const list = await start({ '/m': metalinkOf(whole.repomd, [await start({}), mirror]) });
  const here = await place();
  const metalink = `${list.url}/m`;
  const offline = { offline: true };
  await expect(open(here, { metalink }, offline)).rejects.toMatchObject({
    code: 'OFFLINE_MISSING',
    details: { missing: 'metalink of repository r' },
  });
  await open(here, { metalink });
  const before = mirror.asked.length + list.asked.length;
  const opened = await open(here, { metalink }, offline);
  expect(await readFile(opened.primary)).toEqual(whole.primary);
  await expect(opened.filelists()).rejects.toMatchObject({
    code: 'OFFLINE_MISSING',
    details: { missing: 'filelists of repository r' },
  });
  expect(mirror.asked.length + list.asked.length).toBe(before);
});
