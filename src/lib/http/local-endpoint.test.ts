import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { askPage as ask } from '../../../test/helpers/ask-page.ts';
import { serveLocally, type LocalEndpoint } from './local-endpoint.ts';

let directory: string;
let endpoints: LocalEndpoint[];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'milliner-endpoint-'));
  endpoints = [];
});
afterEach(async () => {
  for (const endpoint of endpoints) await endpoint.close();
  rmSync(directory, { recursive: true });
});

interface Page {
  read?: () => Promise<string>;
  onError?: (error: Error) => void;
}

async function serve(
  place: number | string,
  { read = async () => 'a hat\n', onError = () => {} }: Page = {},
) {
  const endpoint = await serveLocally(place, { path: '/metrics', contentType: 'text/x-hat', read, onError });
  endpoints.push(endpoint);
  return endpoint;
}

const portOf = ({ address }: LocalEndpoint) => Number(address.split(':')[1]);

test('a port of loopback serves the page to clients of this host', async () => {
  const port = portOf(await serve(0));
  expect(await ask({ port, host: '127.0.0.1' })).toEqual({
    status: 200,
    type: 'text/x-hat',
    text: 'a hat\n',
  });
  expect((await ask({ port, host: '127.0.0.1', method: 'HEAD' })).text).toBe('');
  expect((await ask({ port, host: '127.0.0.1', method: 'POST' })).status).toBe(405);
  expect((await ask({ port, host: '127.0.0.1', path: '/' })).status).toBe(404);
  expect((await ask({ port, host: '127.0.0.1', path: '/metrics?x' })).status).toBe(200);
});

test.each([
  ['localhost', 200],
  ['localhost:1', 200],
  ['127.0.0.1', 200],
  ['[::1]:9464', 200],
  ['rebound.example.com', 421],
  ['rebound.example.com:9464', 421],
  ['127.0.0.1.example.com', 421],
  ['localhost.example.com', 421],
  ['localhost:9464:1', 421],
  ['user@localhost', 421],
  ['10.0.0.1', 421],
  [':9464', 421],
])('the Host %j gets %i', async (host, status) => {
  const port = portOf(await serve(0));
  expect((await ask({ port, host: '127.0.0.1', headers: { host } })).status).toBe(status);
});

test('a socket is for its owner, whatever Host is named', async () => {
  const socketPath = join(directory, 'metrics.sock');
  const { address } = await serve(socketPath);
  expect(address).toBe(socketPath);
  expect(statSync(socketPath).mode & 0o777).toBe(0o700);
  expect((await ask({ socketPath, headers: { host: 'anything' } })).text).toBe('a hat\n');
});

test('the socket of a server that died is replaced; one that is in use, and another file, are not', async () => {
  const socketPath = join(directory, 'metrics.sock');
  const live = await serve(socketPath);
  await expect(serve(socketPath)).rejects.toMatchObject({ code: 'PORT_UNUSABLE' });
  await live.close();
  const file = join(directory, 'file');
  writeFileSync(file, 'x');
  await expect(serve(file)).rejects.toMatchObject({ code: 'PORT_UNUSABLE' });
});

test('a port that is taken, or that is none, is refused', async () => {
  const other = createServer();
  await new Promise<void>((done) => other.listen(0, '127.0.0.1', done));
  const { port } = other.address() as { port: number };
  await expect(serve(port)).rejects.toMatchObject({ code: 'PORT_UNUSABLE' });
  await expect(serve(70_000)).rejects.toMatchObject({ code: 'PORT_UNUSABLE' });
  await new Promise((done) => other.close(done));
});

test('a failure is told to the log, and not to the reader', async () => {
  const told: string[] = [];
  const read = async () => {
    throw new Error('/secret/path');
  };
  const port = portOf(await serve(0, { read, onError: ({ message }) => told.push(message) }));
  expect(await ask({ port, host: '127.0.0.1' })).toMatchObject({ status: 500, text: 'see the log\n' });
  expect(told).toEqual(['/secret/path']);
});

test('readers that come at once share one answer', async () => {
  let count = 0;
  const gate = Promise.withResolvers<void>();
  const read = async () => {
    count += 1;
    await gate.promise;
    return 'a hat\n';
  };
  const port = portOf(await serve(0, { read }));
  const asked = Array.from({ length: 5 }, () => ask({ port, host: '127.0.0.1' }));
  await new Promise((done) => setTimeout(done, 200));
  gate.resolve();
  expect((await Promise.all(asked)).map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
  expect(count).toBe(1);
});
