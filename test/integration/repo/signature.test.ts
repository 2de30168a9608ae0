/** repomd.xml.asc, made by real gpg; dnf's word on the same repositories. */
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { run } from '../../../src/lib/host/exec.ts';
import { silent } from '../../../src/lib/host/progress.ts';
import { openRepository, type RepositoryDefinition } from '../../../src/stages/repo/repository.ts';
import { createRepodata } from '../../../spec/repodata.ts';
import { signingKey, type SigningKey } from '../../helpers/rpm/fixtures.ts';
import { metalinkOf, Mirror, repositoryState } from '../../helpers/repo/mirror.ts';

let directory: string;
let ours: SigningKey;
let stranger: SigningKey;
const keyFile = (name: string) => join(directory, `${name}.asc`);
const mirrors: Mirror[] = [];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'repomd-asc-'));
  vi.stubEnv('TMPDIR', directory);
  ours = await signingKey(directory, 'ours');
  stranger = await signingKey(directory, 'stranger');
  const both = await Promise.all(['ours', 'stranger'].map((name) => readFile(keyFile(name), 'utf8')));
  await writeFile(keyFile('both'), both.join('\n'));
});
afterAll(async () => {
  for (const mirror of mirrors) mirror.close();
  await ours.close();
  await stranger.close();
  vi.unstubAllEnvs();
  await rm(directory, { recursive: true });
});

async function sign(content: Buffer, keys: readonly SigningKey[], ...flags: string[]): Promise<Buffer> {
  const path = join(directory, 'to-sign');
  await writeFile(path, content);
  const signatures: Buffer[] = [];
  for (const { home, fingerprint } of keys) {
    const args = ['--homedir', home, '--batch', '--yes', '--local-user', fingerprint, ...flags];
    await run('gpg', [...args, '--output', `${path}.sig`, '--detach-sign', path]);
    signatures.push(await readFile(`${path}.sig`));
  }
  return Buffer.concat(signatures);
}

async function expired(content: Buffer): Promise<Buffer> {
  const signature = await sign(content, [ours], '--default-sig-expire', 'seconds=1');
  await sleep(2000);
  return signature;
}

async function serve(files: Record<string, Buffer | string>): Promise<Mirror> {
  const mirror = await Mirror.start(files);
  mirrors.push(mirror);
  return mirror;
}

const state = repositoryState(1000);
const asc = '/r/repodata/repomd.xml.asc';

async function open(rest: Partial<RepositoryDefinition>): Promise<string> {
  const cache = await mkdtemp(join(directory, 'cache-'));
  const keys = [{ file: keyFile('ours') }];
  const definition = { name: 'r', keys, exclude: [], gpgcheck: true, repoGpgcheck: true, ...rest };
  const opened = await openRepository(definition, cache, {
    arch: 'x86_64',
    progress: silent,
    workDirectory: cache,
  });
  return opened.kind === 'repomd' ? String(await readFile(opened.primary)) : '';
}

const named = (file: string, { fingerprint }: SigningKey) => ({ file: keyFile(file), fingerprint });

test('signed by a key of the repository, among others too, armoured or not', async () => {
  const mirror = await serve(state.files);
  for (const signature of [
    await sign(state.repomd, [ours]),
    await sign(state.repomd, [ours], '--armor'),
    await sign(state.repomd, [stranger, ours]),
    await sign(state.repomd, [ours, stranger]),
  ]) {
    mirror.put({ [asc]: signature });
    expect(await open({ baseurl: mirror.base })).toBe(String(state.primary));
  }
  expect(await open({ baseurl: mirror.base, keys: [named('both', ours)] })).toBe(String(state.primary));
});

test.each<[string, () => Promise<Buffer | undefined>, Partial<RepositoryDefinition>]>([
  ['no signature', async () => undefined, {}],
  ['an empty file', async () => Buffer.alloc(0), {}],
  ['no signature at all', async () => Buffer.from('<html>404</html>'), {}],
  ['the signature of other bytes', () => sign(Buffer.from('other'), [ours]), {}],
  ['a stranger', () => sign(state.repomd, [stranger]), {}],
  ['another key of the file than the named one', () => sign(state.repomd, [stranger]), { keys: [] }],
  ['one that has expired', () => expired(state.repomd), {}],
])('%s: refused, and an honest mirror is asked', async (_what, signature, rest) => {
  const keys = rest.keys && [named('both', ours)];
  const [bad, good] = [await serve(state.files), await serve(state.files)];
  const bytes = await signature();
  if (bytes) bad.put({ [asc]: bytes });
  good.put({ [asc]: await sign(state.repomd, [ours]) });
  const common = keys ? { keys } : {};
  await expect(open({ ...common, baseurl: bad.base })).rejects.toMatchObject({
    code: 'METADATA_UNTRUSTED',
    details: { repository: 'r' },
  });
  const list = await serve({
    '/list': `${bad.base}\n${good.base}\n`,
    '/metalink': metalinkOf(state.repomd, [bad, good]),
  });
  expect(await open({ ...common, mirrorlist: `${list.url}/list` })).toBe(String(state.primary));
  expect(await open({ ...common, metalink: `${list.url}/metalink` })).toBe(String(state.primary));
  expect(good.paths()).toContain(asc);
});

test('a whole message in the place of a detached signature says nothing of repomd.xml', async () => {
  const mirror = await serve(state.files);
  const path = join(directory, 'message');
  await writeFile(path, state.repomd);
  const args = ['--homedir', ours.home, '--batch', '--yes', '--local-user', ours.fingerprint];
  for (const how of ['--sign', '--clear-sign']) {
    await run('gpg', [...args, '--output', `${path}.gpg`, how, path]);
    mirror.put({
      [asc]: await readFile(`${path}.gpg`),
      '/r/repodata/repomd.xml': repositoryState(9, 'forged').repomd,
    });
    await expect(open({ baseurl: mirror.base })).rejects.toMatchObject({ code: 'METADATA_UNTRUSTED' });
  }
});

test('a key that was revoked does not count', async () => {
  const key = await signingKey(directory, 'gone');
  try {
    const signature = await sign(state.repomd, [key]);
    const certificate = join(key.home, 'openpgp-revocs.d', `${key.fingerprint}.rev`);
    const text = (await readFile(certificate, 'utf8')).replace(':-----BEGIN', '-----BEGIN');
    await writeFile(certificate, text);
    await run('gpg', ['--homedir', key.home, '--batch', '--import', certificate]);
    const args = ['--homedir', key.home, '--batch', '--yes', '--armor', '--output', key.publicFile];
    await run('gpg', [...args, '--export', key.fingerprint]);
    const mirror = await serve({ ...state.files, [asc]: signature });
    await expect(open({ baseurl: mirror.base, keys: [{ file: keyFile('gone') }] })).rejects.toMatchObject({
      code: 'METADATA_UNTRUSTED',
    });
  } finally {
    await key.close();
  }
});

test('a fingerprint that the file does not hold is told before anything is asked for', async () => {
  const mirror = await serve(state.files);
  const keys = [named('ours', stranger)];
  await expect(open({ baseurl: mirror.base, keys })).rejects.toMatchObject({
    code: 'KEY_INVALID',
    details: { file: keyFile('ours'), fingerprint: stranger.fingerprint, found: [ours.fingerprint] },
  });
  expect(mirror.asked).toEqual([]);
});

test('directories: signed, unsigned, and without metadata', async () => {
  const path = join(directory, 'local');
  await mkdir(path);
  await expect(open({ baseurl: path })).rejects.toMatchObject({ code: 'METADATA_UNTRUSTED' });
  await createRepodata(path);
  await expect(open({ baseurl: path })).rejects.toMatchObject({ code: 'METADATA_UNTRUSTED' });
  const repomd = join(path, 'repodata/repomd.xml');
  await writeFile(`${repomd}.asc`, await sign(await readFile(repomd), [ours], '--armor'));
  await open({ baseurl: path });
});

/** dnf itself, with nothing of the host's configuration. */
async function dnfTakes(baseurl: string): Promise<boolean> {
  const root = await mkdtemp(join(directory, 'dnf-'));
  const config = `[main]\ncachedir=${root}/cache\nreposdir=/nonexistent\npluginpath=/nonexistent\n[r]\nname=r\n`;
  await writeFile(
    join(root, 'dnf.conf'),
    `${config}baseurl=${baseurl}\nrepo_gpgcheck=1\ngpgkey=file://${keyFile('ours')}\nretries=1\n`,
  );
  const args = ['--config', join(root, 'dnf.conf'), '--installroot', join(root, 'root'), '--releasever', '1'];
  const options = { env: { HOME: root }, allow: [0, 1] };
  const { exitCode } = await run('dnf', [...args, '--assumeyes', '--quiet', 'makecache'], options);
  return exitCode === 0;
}

test('dnf takes and refuses the same', async () => {
  const path = join(directory, 'for-dnf');
  await mkdir(path);
  await createRepodata(path);
  const repomd = join(path, 'repodata/repomd.xml');
  const content = await readFile(repomd);
  const signatures = [
    await sign(content, [ours], '--armor'),
    await sign(content, [stranger], '--armor'),
    await sign(Buffer.from('other'), [ours], '--armor'),
    undefined,
  ];
  const verdicts: { dnf: boolean; we: boolean }[] = [];
  for (const signature of signatures) {
    await rm(`${repomd}.asc`, { force: true });
    if (signature) await writeFile(`${repomd}.asc`, signature);
    const we = await open({ baseurl: path }).then(
      () => true,
      () => false,
    );
    const copy = await mkdtemp(join(directory, 'copy-'));
    await mkdir(join(copy, 'repodata'));
    const { stdout } = await run('find', [join(path, 'repodata'), '-type', 'f', '-printf', '%f\n']);
    for (const name of stdout.split('\n').filter(Boolean)) {
      await copyFile(join(path, 'repodata', name), join(copy, 'repodata', name));
    }
    verdicts.push({ dnf: await dnfTakes(`file://${copy}`), we });
  }
  expect(verdicts.map(({ we }) => we)).toEqual([true, false, false, false]);
  expect(verdicts.map(({ dnf }) => dnf)).toEqual(verdicts.map(({ we }) => we));
});
