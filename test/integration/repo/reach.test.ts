/** Servers that only an answer names, on this host's own network: asked for nothing unless the operator names it. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, expect, test, vi } from 'vitest';
import { silent } from '../../../src/lib/host/progress.ts';
import { confined, variable } from '../../../src/lib/http/reach.ts';
import { Transport } from '../../../src/lib/registry/transport.ts';
import { openRepository, type RepositoryDefinition } from '../../../src/stages/repo/repository.ts';
import { metalinkOf, Mirror, repositoryState, type Fault } from '../../helpers/repo/mirror.ts';

const state = repositoryState(1000);
const made: (() => Promise<void> | void)[] = [];
afterAll(async () => {
  for (const undo of made) await undo();
  vi.unstubAllEnvs();
});
beforeEach(() => void vi.stubEnv(variable, ''));

async function serve(files: Record<string, Buffer | string> = state.files): Promise<Mirror> {
  const mirror = await Mirror.start(files);
  made.push(() => mirror.close());
  return mirror;
}

async function open(rest: Partial<RepositoryDefinition>): Promise<string> {
  const cache = await mkdtemp(join(tmpdir(), 'reach-'));
  made.push(() => rm(cache, { recursive: true }));
  const definition = { name: 'r', keys: [], exclude: [], gpgcheck: false, timeout: 1000, ...rest };
  const opened = await openRepository(definition, cache, { arch: 'x86_64', progress: silent });
  return opened.kind === 'repomd' ? String(await readFile(opened.primary)) : '';
}

const refused = { code: 'ADDRESS_REFUSED' };
const away =
  (to: Mirror): Fault =>
  (response) =>
    response.writeHead(302, { location: `${to.base}repodata/repomd.xml` }).end();

/** What leads to `inner`, which nobody has named. */
const leads: Record<string, (inner: Mirror) => Promise<Partial<RepositoryDefinition>>> = {
  'a redirect': async (inner) => {
    const outer = await serve();
    outer.fault('repomd.xml', away(inner));
    return { baseurl: outer.base };
  },
  'a redirect by way of itself': async (inner) => {
    const outer = await serve();
    const again: Fault = (response) => response.writeHead(307, { location: `${outer.url}/again` }).end();
    outer.fault('repomd.xml', again);
    outer.fault('/again', away(inner));
    return { baseurl: outer.base };
  },
  'a list of mirrors': async (inner) => {
    const list = await serve({ '/list': `${inner.base}\n` });
    return { mirrorlist: `${list.url}/list` };
  },
  'a metalink': async (inner) => {
    const list = await serve({ '/m': metalinkOf(state.repomd, [inner]) });
    return { metalink: `${list.url}/m` };
  },
  'an xml:base': async (inner) => {
    const repomd = state.repomd.toString().replace('<location ', `<location xml:base="${inner.base}" `);
    const outer = await serve({ ...state.files, '/r/repodata/repomd.xml': repomd });
    return { baseurl: outer.base };
  },
};

test.each(Object.keys(leads))('%s leads to no private address', async (name) => {
  const inner = await serve();
  const rest = await leads[name]!(inner);
  await expect(open(rest)).rejects.toMatchObject(refused);
  expect(inner.asked).toEqual([]);
  vi.stubEnv(variable, '127.0.0.0/8');
  expect(await open(rest)).toBe(String(state.primary));
  expect(inner.asked).not.toEqual([]);
});

test('a recipe names what it likes, also as one of several; a stranger’s does not', async () => {
  const [first, second] = [await serve(), await serve()];
  first.fault('repomd.xml', away(second));
  const baseurl = [first.base, second.base];
  expect(await open({ baseurl })).toBe(String(state.primary));
  const before = [first.asked.length, second.asked.length];
  for (const rest of [{ baseurl }, { baseurl: second.base }, { metalink: `${second.url}/m` }])
    await expect(confined(true, () => open(rest))).rejects.toMatchObject(refused);
  expect([first.asked.length, second.asked.length]).toEqual(before);
});

test('of several mirrors one at a private address is passed over', async () => {
  const inner = await serve();
  const good = await serve();
  const named = good.base.replace('127.0.0.1', '127.0.0.2');
  const list = await serve({ '/list': `${inner.base}\n${named}\n` });
  vi.stubEnv(variable, '127.0.0.2');
  const opened = open({ mirrorlist: `${list.url}/list` });
  // Nothing answers there: what is told is the refusal, which says more.
  await expect(opened).rejects.toMatchObject({
    ...refused,
    details: { mirrors: [{ code: 'ADDRESS_REFUSED' }, { code: 'REPO_UNAVAILABLE' }] },
  });
  expect(inner.asked).toEqual([]);
});

/** A server of a test, and what it was asked. */
async function listen(answer: RequestListener): Promise<{ host: string; asked: string[] }> {
  const asked: string[] = [];
  const server: Server = createServer((request, response) => {
    asked.push(request.url ?? '');
    answer(request, response);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  made.push(() => server.closeAllConnections());
  return { host: `127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

const pull = {
  method: 'GET',
  url: '/v2/felt/tags/list',
  repository: 'felt',
  access: 'pull',
  expect: [200],
} as const;
const ask = (host: string) =>
  new Transport({ registry: host, endpoint: { origin: `http://${host}` }, attempts: 1 }).ask(
    pull,
    async (response) => response.body.text(),
  );

test('a registry: what it sends on to, and the token server that it names', async () => {
  const inner = await listen((_request, response) => response.end('{"token":"t"}'));
  const storage = await listen((_request, response) =>
    response.writeHead(307, { location: `http://${inner.host}/storage` }).end(),
  );
  const challenging = await listen(({ headers }, response) => {
    const challenge = `Bearer realm="http://${inner.host}/token",service="s"`;
    if (headers.authorization) response.end('tags');
    else response.writeHead(401, { 'www-authenticate': challenge }).end();
  });
  await expect(ask(storage.host)).rejects.toMatchObject(refused);
  await expect(ask(challenging.host)).rejects.toMatchObject(refused);
  expect(inner.asked).toEqual([]);
  vi.stubEnv(variable, '127.0.0.1');
  expect(await ask(challenging.host)).toBe('tags');
  expect(await ask(storage.host)).toContain('token');
  vi.stubEnv(variable, '');
  const before = storage.asked.length;
  await expect(confined(true, () => ask(storage.host))).rejects.toMatchObject(refused);
  expect(storage.asked).toHaveLength(before);
});
