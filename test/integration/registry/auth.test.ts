/** Logging in: Basic and bearer tokens at a real registry, and what must go nowhere else. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { MillinerError } from '../../../src/lib/errors/error.ts';
import { sha256Of } from '../../../src/lib/oci/digest.ts';
import { ReadBudget } from '../../../src/lib/registry/budget.ts';
import { RegistryClient } from '../../../src/lib/registry/client.ts';
import { FaultProxy } from '../../helpers/registry/fault-proxy.ts';
import { plainEndpoint } from '../../helpers/registry/plain-endpoint.ts';
import { account, RegistryServer, type ServerOptions } from '../../helpers/registry/registry-server.ts';
import { StandIn } from './stand-in.ts';
import { identityToken, TokenServer } from './tokens.ts';

const open: { close(): unknown }[] = [];

afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});

async function registry(options: ServerOptions): Promise<string> {
  const server = await RegistryServer.start(options);
  open.push(server);
  return server.host;
}

async function tokens(): Promise<{ server: TokenServer; host: string }> {
  const server = await TokenServer.start();
  open.push(server);
  return { server, host: await registry({ token: server.auth }) };
}

/** A server that answers as it is told, and the headers of what it was asked. */
async function listen(listener: RequestListener): Promise<{ host: string; heard: IncomingHttpHeaders[] }> {
  const heard: IncomingHttpHeaders[] = [];
  const server: Server = createServer((request, response) => {
    heard.push(request.headers);
    listener(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  open.push({ close: () => server.closeAllConnections() }, server);
  return { host: `127.0.0.1:${(server.address() as AddressInfo).port}`, heard };
}

const bytes = randomBytes(100);
const blob = { digest: sha256Of(bytes), size: bytes.length, content: { bytes } };

async function errorOf(promise: Promise<unknown>): Promise<MillinerError> {
  const error = await promise.catch((cause: unknown) => cause);
  expect(error).toBeInstanceOf(MillinerError);
  // Whatever went wrong, no secret is told.
  const told: unknown[] = [];
  for (let at = error as Error | undefined; at; at = at.cause as Error | undefined) told.push(at.stack, at);
  const basic = Buffer.from(`${account.username}:${account.password}`).toString('base64');
  for (const secret of [account.password, identityToken, basic]) {
    expect(JSON.stringify(told)).not.toContain(secret);
  }
  return error as MillinerError;
}

test('Basic', async () => {
  const host = await registry({ basic: true });
  const client = new RegistryClient({ registry: host, endpoint: plainEndpoint(host), credentials: account });
  expect(await client.pushBlob('felt/hat', blob)).toBe('uploaded');
  const wrong = { ...account, password: 'a hat of straw' };
  for (const credentials of [undefined, wrong]) {
    const stranger = new RegistryClient({ registry: host, endpoint: plainEndpoint(host), credentials });
    expect(await errorOf(stranger.hasBlob('felt/hat', blob.digest))).toMatchObject({
      code: 'REGISTRY_DENIED',
      details: { status: 401 },
    });
  }
});

test('a token for each scope, kept while it lives', async () => {
  const { server, host } = await tokens();
  const client = new RegistryClient({ registry: host, endpoint: plainEndpoint(host), credentials: account });
  expect(await client.pushBlob('felt/hat', blob)).toBe('uploaded');
  expect(await client.pushBlob('felt/cap', blob, { mountFrom: 'felt/hat' })).toBe('mounted');
  expect(await client.pushBlob('felt/cap', blob)).toBe('present');
  const get = (...scopes: string[]) => ({ method: 'GET', as: 'account', scopes });
  expect(server.asked).toEqual([
    get('repository:felt/hat:pull'),
    get('repository:felt/hat:pull,push'),
    get('repository:felt/cap:pull'),
    get('repository:felt/cap:pull,push', 'repository:felt/hat:pull'),
  ]);
});

test('an old token is fetched anew', async () => {
  const { server, host } = await tokens();
  const client = new RegistryClient({ registry: host, endpoint: plainEndpoint(host), credentials: account });
  server.life = 10;
  for (let asked = 1; asked <= 3; asked++) {
    expect(await client.hasBlob('felt/hat', blob.digest)).toBeUndefined();
    expect(server.asked).toHaveLength(asked);
  }
});

test('a token that is refused is fetched anew, once', async () => {
  const { server, host } = await tokens();
  const client = new RegistryClient({ registry: host, endpoint: plainEndpoint(host), credentials: account });
  server.grants = () => false;
  expect(await errorOf(client.hasBlob('felt/hat', blob.digest))).toMatchObject({ code: 'REGISTRY_DENIED' });
  expect(server.asked).toHaveLength(1);
  expect(await errorOf(client.hasBlob('felt/hat', blob.digest))).toMatchObject({ code: 'REGISTRY_DENIED' });
  expect(server.asked).toHaveLength(2);
  server.grants = () => true;
  expect(await client.hasBlob('felt/hat', blob.digest)).toBeUndefined();
  expect(server.asked).toHaveLength(3);
});

test('tokens that are refused before their time are left in good time', async () => {
  const standIn = await StandIn.start({ auth: 'bearer', tokenLife: 400 });
  const proxy = await FaultProxy.start(standIn.host);
  open.push(standIn, proxy);
  const { host } = proxy;
  const client = new RegistryClient({ registry: host, endpoint: plainEndpoint(host), credentials: account });
  const questions = 60;
  for (let asked = 0; asked < questions; asked++) {
    await client.hasBlob('felt/hat', blob.digest);
    await sleep(50);
  }
  // Twice went the first question of all, and those that told how long a token is good for.
  expect(proxy.seen.length - questions).toBeLessThanOrEqual(4);
});

test('an identity token is posted, nobody asks without one', async () => {
  const { server, host } = await tokens();
  const credentials = { username: '', password: '', identityToken };
  const client = new RegistryClient({ registry: host, endpoint: plainEndpoint(host), credentials });
  expect(await client.pushBlob('felt/hat', blob)).toBe('uploaded');
  expect(server.asked.map(({ method, as }) => `${method} ${as}`)).toEqual(['POST identity', 'POST identity']);
  server.grants = (scope) => scope.endsWith(':pull');
  const anybody = new RegistryClient({ registry: host, endpoint: plainEndpoint(host) });
  expect(await anybody.hasBlob('felt/hat', blob.digest)).toEqual({ size: blob.size });
  expect(server.asked.at(-1)).toMatchObject({ as: 'nobody' });
});

test('the token server refuses a wrong password', async () => {
  const { host } = await tokens();
  const credentials = { ...account, password: 'a hat of straw' };
  const client = new RegistryClient({ registry: host, endpoint: plainEndpoint(host), credentials });
  expect(await errorOf(client.hasBlob('felt/hat', blob.digest))).toMatchObject({ code: 'REGISTRY_DENIED' });
});

test('a mount from where we may not read becomes an upload', async () => {
  const { server, host } = await tokens();
  const client = new RegistryClient({ registry: host, endpoint: plainEndpoint(host), credentials: account });
  await client.pushBlob('felt/hat', blob);
  server.grants = (scope) => !scope.startsWith('repository:felt/hat:');
  expect(await client.pushBlob('felt/cap', blob, { mountFrom: 'felt/hat' })).toBe('uploaded');
});

test('no redirect takes credentials to another origin', async () => {
  const other = await listen((_request, response) => void response.end(bytes));
  const first = await listen((request, response) => {
    if (request.headers.authorization === undefined) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="hats"' }).end();
    } else response.writeHead(307, { location: `http://${other.host}/storage?signed=yes` }).end();
  });
  const client = new RegistryClient({
    registry: first.host,
    endpoint: plainEndpoint(first.host),
    credentials: account,
  });
  expect(await client.getBlob('felt/hat', blob.digest, 1000)).toEqual(bytes);
  expect(first.heard.map(({ authorization }) => authorization?.split(' ')[0])).toEqual([undefined, 'Basic']);
  expect(other.heard).toMatchObject([{ host: other.host }]);
  expect(other.heard[0]).not.toHaveProperty('authorization');
});

test('an upload that is to go elsewhere goes without credentials', async () => {
  const other = await listen((request, response) => {
    request.resume().on('end', () => response.writeHead(201).end());
  });
  const first = await listen((request, response) => {
    if (request.method === 'HEAD') response.writeHead(404).end();
    else if (request.headers.authorization === undefined) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="hats"' }).end();
    } else response.writeHead(202, { location: `http://${other.host}/upload?signed=a+b~c` }).end();
  });
  const client = new RegistryClient({
    registry: first.host,
    endpoint: plainEndpoint(first.host),
    credentials: account,
  });
  expect(await client.pushBlob('felt/hat', blob)).toBe('uploaded');
  expect(other.heard).toHaveLength(1);
  expect(other.heard[0]).not.toHaveProperty('authorization');
});

test('a storage that asks for authorization names no token server', async () => {
  const realm = await listen((_request, response) => void response.end('{"token":"t"}'));
  const challenge = `Bearer realm="http://${realm.host}/token",service="storage"`;
  const storage = await listen(
    (_request, response) => void response.writeHead(401, { 'www-authenticate': challenge }).end(),
  );
  const first = await listen((request, response) => {
    const location = `http://${storage.host}/storage`;
    if (request.method === 'HEAD') response.writeHead(404).end();
    else if (request.headers.authorization === undefined) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="hats"' }).end();
    } else response.writeHead(request.method === 'GET' ? 307 : 202, { location }).end();
  });
  const client = new RegistryClient({
    registry: first.host,
    endpoint: plainEndpoint(first.host),
    credentials: account,
  });
  for (let round = 0; round < 2; round++) {
    const read = await errorOf(client.getBlob('felt/hat', blob.digest, 1000));
    const sent = await errorOf(client.pushBlob('felt/hat', blob));
    expect([read.code, sent.code]).toEqual(['REGISTRY_DENIED', 'REGISTRY_DENIED']);
  }
  expect(storage.heard).toHaveLength(4);
  expect(realm.heard).toEqual([]);
});

test('a token server without TLS is for registries without TLS', async () => {
  const realm = await listen((_request, response) => void response.end('{"token":"t"}'));
  const { Authorizer } = await import('../../../src/lib/registry/auth.ts');
  const challenge = (value: string) => ({ headers: { 'www-authenticate': value } }) as never;
  const secure = new Authorizer({ origin: 'https://r.example' }, account);
  await secure.accept(challenge(`Bearer realm="http://${realm.host}/token"`), 's', undefined);
  const error = await errorOf(secure.header(new URL('https://r.example/v2/'), 's', new ReadBudget()));
  expect(error.code).toBe('REGISTRY_INSECURE');
  expect(realm.heard).toEqual([]);
  await secure.accept(challenge('Bearer realm="nowhere"'), 's', undefined);
  expect(await errorOf(secure.header(new URL('https://r.example/v2/'), 's', new ReadBudget()))).toMatchObject(
    {
      code: 'REGISTRY_INVALID',
    },
  );
  expect(await secure.header(new URL('https://other.example/v2/'), 's', new ReadBudget())).toEqual({});
});

test('a token server that sends on to another owner, answers nonsense or too much gets no further', async () => {
  const elsewhere = await listen((_request, response) => void response.end('{"token":"t"}'));
  const answers: RequestListener[] = [
    (_request, response) => void response.writeHead(307, { location: `http://${elsewhere.host}/` }).end(),
    (_request, response) => void response.end(`{"token": "${account.password}`),
    (_request, response) => void response.end('{"token": "a\\r\\nb"}'),
    (_request, response) => void response.end(Buffer.alloc(2 << 20, 32)),
  ];
  for (const answer of answers) {
    const realm = await listen(answer);
    const host = await registryThatSays(`Bearer realm="http://${realm.host}/token",service="s"`);
    const client = new RegistryClient({
      registry: host,
      endpoint: plainEndpoint(host),
      credentials: account,
      attempts: 1,
    });
    const error = await errorOf(client.hasBlob('felt/hat', blob.digest));
    expect(error.code).toMatch(/^REGISTRY_(INVALID|INSECURE)$/);
  }
  expect(elsewhere.heard).toEqual([]);
});

test('a token server may send on to another of its own pages', async () => {
  const realm = await listen((request, response) => {
    if (request.url!.startsWith('/first?')) {
      response.writeHead(307, { location: request.url!.replace('/first', '/second') }).end();
    } else response.end('{"token":"t"}');
  });
  const host = await registryThatSays(`Bearer realm="http://${realm.host}/first",service="s"`);
  const client = new RegistryClient({
    registry: host,
    endpoint: plainEndpoint(host),
    credentials: account,
    attempts: 1,
  });
  await errorOf(client.getBlob('felt/hat', blob.digest, 100));
  expect(realm.heard.every(({ authorization }) => authorization?.startsWith('Basic '))).toBe(true);
  expect(realm.heard).toHaveLength(2);
});

test('the scope that a registry names is asked for beside ours; pushing asks for both from the beginning', async () => {
  const asked: string[][] = [];
  const realm = await listen((request, response) => {
    asked.push(new URL(request.url!, 'http://localhost').searchParams.getAll('scope'));
    response.end('{"token":"t"}');
  });
  const named = 'scope="repository:hat:pull repository:hat:delete nonsense"';
  const host = await registryThatSays(`Bearer realm="http://${realm.host}/",service="s",${named}`);
  const ask = async (pushes: boolean) =>
    errorOf(
      new RegistryClient({ registry: host, endpoint: plainEndpoint(host), pushes, attempts: 1 }).getBlob(
        'felt/hat',
        blob.digest,
        100,
      ),
    );
  await ask(false);
  await ask(true);
  expect(asked).toEqual([
    ['repository:felt/hat:pull', 'repository:hat:pull,delete'],
    ['repository:felt/hat:pull,push', 'repository:hat:pull,delete'],
  ]);
});

test('a registry that repeats our password in its answer does not get it into the error', async () => {
  const { host } = await listen((request, response) => {
    const { authorization } = request.headers;
    const pair = Buffer.from((authorization ?? '').replace('Basic ', ''), 'base64').toString();
    const errors = [{ code: 'DENIED', message: `${authorization} is ${pair}` }];
    response.writeHead(authorization ? 403 : 401, { 'www-authenticate': 'Basic realm="hats"' });
    response.end(JSON.stringify({ errors }));
  });
  const client = new RegistryClient({ registry: host, endpoint: plainEndpoint(host), credentials: account });
  const error = await errorOf(client.getManifest('felt/hat', 'v1'));
  expect(error).toMatchObject({ code: 'REGISTRY_DENIED', details: { status: 403 } });
});

async function registryThatSays(challenge: string): Promise<string> {
  const answer: RequestListener = (_request, response) =>
    void response.writeHead(401, { 'www-authenticate': challenge }).end();
  return (await listen(answer)).host;
}
