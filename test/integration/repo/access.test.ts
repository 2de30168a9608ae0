/** Passwords and client certificates: who is shown them, and who is not. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { run } from '../../../src/lib/host/exec.ts';
import { silent } from '../../../src/lib/host/progress.ts';
import { accessOf } from '../../../src/stages/repo/repository-access.ts';
import { openRepository, type RepositoryDefinition } from '../../../src/stages/repo/repository.ts';
import { metalinkOf, Mirror, repositoryState, type Fault } from '../../helpers/repo/mirror.ts';

const state = repositoryState(1000);
const mirrors: Mirror[] = [];
let directory: string;
const path = (name: string) => join(directory, name);

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'access-'));
  await authority('authority');
  await authority('other');
  await certificate('server', 'authority', 'subjectAltName=IP:127.0.0.1');
  await certificate('client', 'authority');
  await certificate('stranger', 'other');
});
beforeEach(() => {
  vi.stubEnv('NETRC', undefined);
  vi.stubEnv('HOME', directory);
  inEnvironment({});
});
afterAll(async () => {
  for (const mirror of mirrors) mirror.close();
  vi.unstubAllEnvs();
  await rm(directory, { recursive: true });
});

const openssl = (...args: string[]) => run('openssl', args);
const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

async function authority(name: string): Promise<void> {
  const files = ['-keyout', path(`${name}.key`), '-out', path(`${name}.pem`)];
  await openssl('req', '-x509', ...curve, '-days', '2', '-subj', `/CN=${name}`, ...files);
}

async function certificate(
  name: string,
  by: string,
  extension = 'extendedKeyUsage=clientAuth',
): Promise<void> {
  const request = path(`${name}.csr`);
  await openssl('req', ...curve, '-subj', `/CN=${name}`, '-keyout', path(`${name}.key`), '-out', request);
  await writeFile(path(`${name}.ext`), extension);
  const signer = ['-CA', path(`${by}.pem`), '-CAkey', path(`${by}.key`), '-CAcreateserial'];
  const files = ['-in', request, '-extfile', path(`${name}.ext`), '-out', path(`${name}.pem`)];
  await openssl('x509', '-req', '-days', '2', ...signer, ...files);
}

async function serve(files: Record<string, Buffer | string> = state.files, tls?: object): Promise<Mirror> {
  const mirror = await Mirror.start(files, tls);
  mirrors.push(mirror);
  return mirror;
}

/** Asks everybody for a certificate, and lets nobody in without, unless it is told to. */
async function serveTls(rest: object = {}): Promise<Mirror> {
  const [key, cert, ca] = await Promise.all(
    ['server.key', 'server.pem', 'authority.pem'].map((name) => readFile(path(name))),
  );
  return serve(state.files, { key, cert, ca, requestCert: true, rejectUnauthorized: true, ...rest });
}

async function open(rest: Partial<RepositoryDefinition>): Promise<string> {
  const cache = await mkdtemp(join(directory, 'cache-'));
  const definition = { name: 'my-repo.1', keys: [], exclude: [], gpgcheck: false, timeout: 1000, ...rest };
  const opened = await openRepository(definition, cache, { arch: 'x86_64', progress: silent });
  return opened.kind === 'repomd' ? String(await readFile(opened.primary)) : '';
}

const password = 'of felt';
const basic = `Basic ${Buffer.from(`hatter:${password}`).toString('base64')}`;
const sent = (mirror: Mirror) => mirror.asked.map(({ headers }) => headers.authorization);
const away =
  (to: Mirror): Fault =>
  (response) =>
    response.writeHead(302, { location: `${to.base}repodata/repomd.xml` }).end();

async function withNetrc(text: string): Promise<void> {
  await writeFile(path('netrc'), text);
  vi.stubEnv('NETRC', path('netrc'));
}

/** Undefined removes it. */
function inEnvironment(
  login: { username?: string; password?: string; url?: string },
  name = 'MY_REPO_1',
): void {
  for (const part of ['username', 'password', 'url'] as const)
    vi.stubEnv(`MILLINER_REPO_${name}_${part.toUpperCase()}`, login[part]);
}
const hatter = { username: 'hatter', password };

test('from the environment, under the name of the repository, for the server that is named there', async () => {
  const mirror = await serve();
  inEnvironment({ ...hatter, url: mirror.url });
  await open({ baseurl: mirror.base });
  expect(sent(mirror)).toEqual([basic, basic]);
  await open({ name: 'other', baseurl: mirror.base });
  expect(sent(mirror).slice(2)).toEqual([undefined, undefined]);
  for (const part of ['username', 'password', 'url']) {
    inEnvironment({ ...hatter, url: mirror.url, [part]: undefined });
    await expect(open({ baseurl: mirror.base })).rejects.toMatchObject({ code: 'CREDENTIALS_INVALID' });
  }
  expect(mirror.asked).toHaveLength(4);
});

test.each<[string, string]>([
  ['no URL', 'hatter.example'],
  ['nothing', ' '],
  ['plain http', 'http://hatter.example/'],
  ['a good one beside plain http', 'https://hatter.example/ http://hatter.example/'],
  ['a host that only begins like loopback', 'http://127.0.0.1.example/'],
  ['a file', 'file:///srv'],
])('%s names no server for a password', async (_what, url) => {
  inEnvironment({ ...hatter, url });
  const mirror = await serve();
  await expect(open({ baseurl: mirror.base })).rejects.toMatchObject({ code: 'CREDENTIALS_INVALID' });
  expect(mirror.asked).toEqual([]);
});

test('a stranger’s repository that took the name of another gets nothing of it', async () => {
  const [vendor, stranger] = [await serve(), await serve()];
  const port = new URL(stranger.url).port;
  inEnvironment({ ...hatter, url: `${vendor.url}/some/path` });
  const list = await serve({ '/list': `${stranger.base}\n`, '/m': metalinkOf(state.repomd, [stranger]) });
  const places: Partial<RepositoryDefinition>[] = [
    { baseurl: stranger.base },
    { baseurl: `http://localhost:${port}/r/` },
    { name: 'MY.repo-1', baseurl: stranger.base },
    { baseurl: [`${vendor.url}/absent/`, stranger.base] },
    { mirrorlist: `${list.url}/list` },
    { metalink: `${list.url}/m` },
  ];
  for (const rest of places) expect(await open(rest)).toBe(String(state.primary));
  expect(new Set([...sent(stranger), ...sent(list)])).toEqual(new Set([undefined]));
  vendor.fault('repomd.xml', away(stranger));
  stranger.asked.length = 0;
  await open({ baseurl: vendor.base });
  expect(sent(vendor).slice(-2)).toEqual([basic, basic]);
  expect(sent(stranger)).toEqual([undefined]);
});

test('each of several base URLs, and no mirror that a list names', async () => {
  const [first, second] = [await serve({}), await serve()];
  inEnvironment({ ...hatter, url: `${first.url} ${second.url}` });
  await open({ baseurl: [first.base, second.base] });
  expect(sent(first)).toEqual([basic]);
  expect(sent(second)).toEqual([basic, basic]);
  const list = await serve({ '/list': `${second.base}\n` });
  await open({ mirrorlist: `${list.url}/list` });
  expect(sent(second).slice(2)).toEqual([undefined, undefined]);
});

test('over plain http a host of netrc is no host of ours', async () => {
  await withNetrc(
    'machine repository.example login hatter password no machine 127.0.0.2 login hatter password no\n',
  );
  const ask = async (place: string) => {
    const definition = { name: 'r', keys: [], exclude: [], gpgcheck: false, baseurl: place };
    const { secrets } = await accessOf(definition, { arch: 'x86_64' });
    return secrets?.map(({ username }) => username);
  };
  expect(await ask('http://repository.example/r/')).toEqual([undefined]);
  expect(await ask('http://repository.example:443/r/')).toEqual([undefined]);
  expect(await ask('https://repository.example/r/')).toEqual(['hatter']);
  expect(await ask('https://repository.example.org/r/')).toEqual([undefined]);
  expect(await ask('http://127.0.0.2:8080/r/')).toEqual(['hatter']);
});

test('from the netrc that NETRC names, or from ~/.netrc', async () => {
  const mirror = await serve();
  const entry = `machine 127.0.0.1 login hatter password "${password}"\n`;
  await withNetrc(entry);
  await open({ baseurl: mirror.base });
  await withNetrc('machine example.com login hatter password no\ndefault login hatter password no\n');
  await open({ baseurl: mirror.base });
  vi.stubEnv('NETRC', undefined);
  await writeFile(path('.netrc'), entry);
  await open({ baseurl: mirror.base });
  await rm(path('.netrc'));
  await open({ baseurl: mirror.base });
  expect(sent(mirror)).toEqual([basic, basic, undefined, undefined, basic, basic, undefined, undefined]);
  vi.stubEnv('NETRC', path('nowhere'));
  await expect(open({ baseurl: mirror.base })).rejects.toMatchObject({ code: 'CREDENTIALS_INVALID' });
});

test('another host sees nothing of it: not by redirect, not as mirror, and not by way back', async () => {
  await withNetrc(`machine 127.0.0.1 login hatter password "${password}"\n`);
  const [first, other] = [await serve(), await serve()];
  first.fault('repomd.xml', away(other));
  expect(await open({ baseurl: first.base })).toBe(String(state.primary));
  expect([sent(first), sent(other)]).toEqual([[basic, basic], [undefined]]);

  const list = await serve({ '/m': metalinkOf(state.repomd, [other]) });
  await open({ metalink: `${list.url}/m` });
  expect([sent(list), sent(other).slice(1)]).toEqual([[basic], [undefined, undefined]]);

  const returning = await serve();
  const round: Fault = (response) => response.writeHead(302, { location: `${other.url}/back` }).end();
  returning.fault('repomd.xml', round);
  other.fault('/back', (response) => response.writeHead(302, { location: `${returning.base}secret` }).end());
  returning.put({ '/r/secret': state.repomd });
  await open({ baseurl: returning.base });
  const secret = returning.asked.find((one) => one.path === '/r/secret');
  expect(secret?.headers.authorization).toBeUndefined();
});

test('what goes wrong says nothing of it', async () => {
  await withNetrc(`machine 127.0.0.1 login hatter password "${password}"\n`);
  const mirror = await serve({});
  const error: unknown = await open({ baseurl: mirror.base }).catch((cause: unknown) => cause);
  expect(error).toMatchObject({ code: 'REPO_UNAVAILABLE' });
  const told = JSON.stringify([String(error), (error as Error).stack, error, (error as Error).cause]);
  for (const secret of [password, 'hatter', basic.slice(6)]) expect(told).not.toContain(secret);
});

const client = { sslClientCert: () => path('client.pem'), sslClientKey: () => path('client.key') };
const identity = () => ({ sslClientCert: client.sslClientCert(), sslClientKey: client.sslClientKey() });

test('client certificates, and an authority of one’s own', async () => {
  const mirror = await serveTls();
  const sslCaCert = path('authority.pem');
  const baseurl = mirror.base;
  expect(await open({ baseurl, sslCaCert, ...identity() })).toBe(String(state.primary));
  expect(mirror.asked.map((one) => one.client)).toEqual(['client', 'client']);
  // As in curl: one file may hold both.
  const both = await Promise.all(['client.pem', 'client.key'].map((name) => readFile(path(name), 'utf8')));
  await writeFile(path('both.pem'), both.join(''));
  expect(await open({ baseurl, sslCaCert, sslClientCert: path('both.pem') })).toBe(String(state.primary));
});

test.concurrent.each<[string, () => Partial<RepositoryDefinition>]>([
  ['no certificate', () => ({ sslCaCert: path('authority.pem') })],
  [
    'a stranger’s certificate',
    () => ({
      sslCaCert: path('authority.pem'),
      sslClientCert: path('stranger.pem'),
      sslClientKey: path('stranger.key'),
    }),
  ],
  ['a server of an authority that is not known', () => identity()],
  [
    'a server of another authority than the one that counts',
    () => ({ sslCaCert: path('other.pem'), ...identity() }),
  ],
])('%s: no connection', async (_what, rest) => {
  const mirror = await serveTls();
  await expect(open({ baseurl: mirror.base, ...rest() })).rejects.toMatchObject({ code: 'REPO_UNAVAILABLE' });
  expect(mirror.asked).toEqual([]);
});

test('a redirect to another host gets no client certificate', async () => {
  const [first, other] = [await serveTls(), await serveTls({ rejectUnauthorized: false })];
  first.fault('repomd.xml', away(other));
  await open({ baseurl: first.base, sslCaCert: path('authority.pem'), ...identity() });
  expect(first.asked.map((one) => one.client)).toEqual(['client', 'client']);
  expect(other.asked.map((one) => one.client)).toEqual([undefined]);
});

test.each<[string, () => Partial<RepositoryDefinition>]>([
  ['a file that is not there', () => ({ sslClientCert: path('nowhere') })],
  ['a certificate without its key', () => ({ sslClientCert: path('client.pem') })],
  ['the key of another', () => ({ ...identity(), sslClientKey: path('stranger.key') })],
  ['no certificate at all', () => ({ sslClientCert: path('client.ext') })],
])('%s is an error of the recipe', async (_what, rest) => {
  const mirror = await serveTls();
  await expect(open({ baseurl: mirror.base, ...rest() })).rejects.toMatchObject({ code: 'RECIPE_INVALID' });
});
