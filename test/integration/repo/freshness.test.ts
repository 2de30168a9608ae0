/** What moves the mark of what was seen of a repository, and what must not. Real TLS, real gpg. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { run } from '../../../src/lib/host/exec.ts';
import { silent } from '../../../src/lib/host/progress.ts';
import type { MetadataRepository } from '../../../src/stages/repo/metadata.ts';
import { openRepository, type RepositoryDefinition } from '../../../src/stages/repo/repository.ts';
import { makeCertificate } from '../../helpers/registry/certificate.ts';
import { metalinkOf, Mirror, repositoryState, sha256, type State } from '../../helpers/repo/mirror.ts';
import { signingKey, type SigningKey } from '../../helpers/rpm/fixtures.ts';

let directory: string;
let ours: SigningKey;
let stranger: SigningKey;
const mirrors: Mirror[] = [];
const path = (name: string) => join(directory, name);

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'freshness-'));
  await makeCertificate(directory, 'server');
  ours = await signingKey(directory, 'ours');
  stranger = await signingKey(directory, 'stranger');
});
afterAll(async () => {
  for (const mirror of mirrors) mirror.close();
  await ours.close();
  await stranger.close();
  await rm(directory, { recursive: true });
});

async function serve(files: Record<string, Buffer | string>): Promise<Mirror> {
  const mirror = await Mirror.start(files);
  mirrors.push(mirror);
  return mirror;
}

async function serveTls(files: Record<string, Buffer | string>): Promise<Mirror> {
  const [key, cert] = await Promise.all(['server.key', 'server.crt'].map((name) => readFile(path(name))));
  const mirror = await Mirror.start(files, { key, cert });
  mirrors.push(mirror);
  return mirror;
}

/** What a state directory knows of repositories, and what is opened with it. */
async function memory() {
  const place = await mkdtemp(path('state-'));
  const seenDir = join(place, 'seen');
  const common = { arch: 'x86_64', progress: silent, seenDir };
  return {
    marks: async () => (await readdir(seenDir).catch(() => [])).filter((name) => name.endsWith('.json')),
    seenDir,
    open: async (rest: Partial<RepositoryDefinition>, allowOlder = false): Promise<Buffer> => {
      const definition = { name: 'r', keys: [], exclude: [], gpgcheck: false, sslCaCert: path('server.crt') };
      const options = { ...common, allowOlder };
      const opened = await openRepository({ ...definition, ...rest }, join(place, 'cache'), options);
      return readFile((opened as MetadataRepository).primary);
    },
  };
}

const older = { code: 'METADATA_OLDER' };
const now = () => Math.floor(Date.now() / 1000);
const [first, second, third] = [repositoryState(1000), repositoryState(2000), repositoryState(3000)];

/** The same repository, its age told otherwise. */
function told(state: State, age: { revision?: string; timestamp?: string }): State {
  let text = state.repomd.toString();
  for (const [name, value] of Object.entries(age))
    text = text.replace(new RegExp(`<${name}>[^<]*`), `<${name}>${value}`);
  const repomd = Buffer.from(text);
  return { ...state, repomd, files: { ...state.files, '/r/repodata/repomd.xml': repomd } };
}

async function signed(state: State, by: SigningKey): Promise<State['files']> {
  const file = path('repomd.xml');
  await writeFile(file, state.repomd);
  const args = ['--homedir', by.home, '--batch', '--yes', '--local-user', by.fingerprint];
  await run('gpg', [...args, '--output', `${file}.asc`, '--detach-sign', file]);
  return { ...state.files, '/r/repodata/repomd.xml.asc': await readFile(`${file}.asc`) };
}

test('over https: older metadata is refused, allowed once, and then what was seen', async () => {
  const mirror = await serveTls(second.files);
  const { open } = await memory();
  const baseurl = mirror.base;
  await open({ baseurl });
  mirror.put(first.files);
  await expect(open({ baseurl })).rejects.toMatchObject({
    code: 'METADATA_OLDER',
    details: {
      repository: 'r',
      found: { revision: 1000, timestamp: 1000 },
      seen: { revision: 2000, timestamp: 2000 },
    },
  });
  await open({ baseurl }, true);
  expect(await open({ baseurl })).toEqual(first.primary);
  mirror.put(repositoryState(999).files);
  await expect(open({ baseurl })).rejects.toMatchObject(older);
  // Of another place nothing was seen.
  await open({ baseurl: `${mirror.url}/r/.` });
});

test('over plain http nobody vouches: no answer refuses the next', async () => {
  const mirror = await serve(repositoryState(now()).files);
  const { open, marks } = await memory();
  await open({ baseurl: mirror.base });
  mirror.put(first.files);
  expect(await open({ baseurl: mirror.base })).toEqual(first.primary);
  expect(await marks()).toEqual([]);
});

test.each<[string, () => { revision?: string; timestamp?: string }]>([
  ['a revision of tomorrow', () => ({ revision: String(now() + 86_400) })],
  ['a revision in milliseconds', () => ({ revision: String(now() * 1000) })],
  ['the largest revision', () => ({ revision: String(Number.MAX_SAFE_INTEGER) })],
  ['a time of tomorrow', () => ({ revision: 'none', timestamp: String(now() + 86_400) })],
  [
    'revision and time of tomorrow',
    () => ({ revision: String(now() + 86_400), timestamp: String(now() + 86_400) }),
  ],
  ['a time with a fraction', () => ({ revision: '', timestamp: `${now() + 86_400}.5` })],
])('%s is not seen, whoever says so', async (_what, age) => {
  const forged = told(second, age());
  const tls = await serveTls(forged.files);
  const plain = await serve(await signed(forged, ours));
  const { open } = await memory();
  const places: [Mirror, Partial<RepositoryDefinition>][] = [
    [tls, { baseurl: tls.base }],
    [plain, { baseurl: plain.base, repoGpgcheck: true, keys: [{ file: path('ours.asc') }] }],
  ];
  for (const [mirror, rest] of places) {
    await open(rest);
    mirror.put(await signed(third, ours));
    expect(await open(rest)).toEqual(third.primary);
    // The honest one is what was seen.
    mirror.put(await signed(second, ours));
    await expect(open(rest)).rejects.toMatchObject(older);
  }
});

test('a mark of times to come, left by an earlier version or a clock that was wrong, refuses nothing', async () => {
  const mirror = await serveTls(first.files);
  const { open, marks, seenDir } = await memory();
  await open({ baseurl: mirror.base });
  const [mark] = await marks();
  const future = now() + 86_400;
  await writeFile(join(seenDir, mark!), JSON.stringify({ revision: future, timestamp: future }));
  expect(await open({ baseurl: mirror.base })).toEqual(first.primary);
});

test('a signature moves the mark over plain http; another’s keys have another', async () => {
  const mirror = await serve(await signed(third, stranger));
  const { open, marks } = await memory();
  const by = (name: string) => ({
    baseurl: mirror.base,
    repoGpgcheck: true,
    keys: [{ file: path(`${name}.asc`) }],
  });
  // A stranger's recipe of the same repository, with a key of the stranger.
  await open(by('stranger'));
  mirror.put(await signed(second, ours));
  expect(await open(by('ours'))).toEqual(second.primary);
  expect(await marks()).toHaveLength(2);
  mirror.put(await signed(first, ours));
  await expect(open(by('ours'))).rejects.toMatchObject(older);
  // A recipe that asks for no signature moves neither.
  mirror.put(repositoryState(now()).files);
  await open({ baseurl: mirror.base });
  mirror.put(await signed(second, ours));
  expect(await open(by('ours'))).toEqual(second.primary);
});

test('the server’s authority is part of who vouches', async () => {
  const mirror = await serveTls(third.files);
  const { open, marks } = await memory();
  await open({ baseurl: mirror.base });
  await writeFile(path('two.crt'), [await readFile(path('server.crt'), 'utf8'), '\n'].join(''));
  mirror.put(first.files);
  expect(await open({ baseurl: mirror.base, sslCaCert: path('two.crt') })).toEqual(first.primary);
  expect(await marks()).toHaveLength(2);
});

test('a metalink vouches over https: an older state that it once did is not taken any more', async () => {
  const [stale, fresh] = [await serve(second.files), await serve(second.files)];
  const document = metalinkOf(second.repomd, [stale, fresh], { older: [first.repomd] });
  const list = await serveTls({ '/m': document });
  const { open } = await memory();
  const metalink = `${list.url}/m`;
  await open({ metalink });
  stale.put(first.files);
  expect(await open({ metalink })).toEqual(second.primary);
  fresh.put(first.files);
  await expect(open({ metalink })).rejects.toMatchObject(older);
});

test.each<[string, boolean, string | undefined]>([
  ['over plain http', false, undefined],
  ['with SHA-1 alone', true, 'sha1'],
])('a metalink %s vouches for nothing', async (_what, isTls, weak) => {
  const mirror = await serve(second.files);
  const hashes =
    weak &&
    `<hash type="sha1">${(await run('sha1sum', [await written(second.repomd)])).stdout.slice(0, 40)}</hash>`;
  const files = { '/m': metalinkOf(second.repomd, [mirror], hashes ? { hashes } : {}) };
  const list = await (isTls ? serveTls(files) : serve(files));
  const { open, marks } = await memory();
  await open({ metalink: `${list.url}/m` });
  expect(await marks()).toEqual([]);
});

async function written(bytes: Buffer): Promise<string> {
  await writeFile(path(sha256(bytes)), bytes);
  return path(sha256(bytes));
}

test('the mirrors of a list vouch for nothing, over https neither', async () => {
  const mirror = await serveTls(repositoryState(now()).files);
  const list = await serveTls({ '/list': `${mirror.base}\n` });
  const { open, marks } = await memory();
  await open({ mirrorlist: `${list.url}/list` });
  expect(await marks()).toEqual([]);
});
