import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { fetchBytes } from './download.ts';
import { confined, isConfined, isPublic, publicLookup, unconfined, variable } from './reach.ts';
import { send } from './request.ts';

let asked = 0;
const server = createServer((_request, response) => {
  asked++;
  // Each request makes a connection of its own.
  response.writeHead(200, { connection: 'close' }).end('content');
});
let port = 0;
beforeAll(async () => {
  await new Promise<void>((done) => server.listen(0, '0.0.0.0', done));
  ({ port } = server.address() as AddressInfo);
});
beforeEach(() => {
  asked = 0;
  vi.stubEnv(variable, '');
});
afterEach(() => vi.unstubAllEnvs());
afterAll(() => server.closeAllConnections());

test.each([
  ['93.184.216.34', true],
  ['1.1.1.1', true],
  ['172.32.0.1', true],
  ['100.128.0.1', true],
  ['2606:4700::1', true],
  ['64:ff9b::808:808', true],
  ['0.0.0.0', false],
  ['10.1.2.3', false],
  ['100.64.0.1', false],
  ['127.0.0.1', false],
  ['127.255.255.254', false],
  ['169.254.169.254', false],
  ['172.31.255.255', false],
  ['192.168.0.1', false],
  ['198.18.0.1', false],
  ['224.0.0.1', false],
  ['255.255.255.255', false],
  ['::', false],
  ['::1', false],
  ['::ffff:127.0.0.1', false],
  ['::ffff:93.184.216.34', false],
  ['64:ff9b::10.0.0.1', false],
  ['64:ff9b::a9fe:a9fe', false],
  ['64:ff9b:1::1', false],
  ['fe80::1%eth0', false],
  ['fd00:ec2::254', false],
  ['fec0::1', false],
  ['ff02::1', false],
  ['2001:db8::1', false],
  ['2001:0:4136:e378::', false],
  ['2002:7f00:1::', false],
])('%s: public: %s', (address, expected) => {
  expect(isPublic(address)).toBe(expected);
});

/** The same place by other words, as a parser of URLs reads them, and by names that lead there. */
const ways = () =>
  [
    '127.0.0.1',
    '127.1',
    '2130706433',
    '0x7f.0.0.1',
    '0',
    '[::ffff:127.0.0.1]',
    '[::ffff:7f00:1]',
    'localhost',
    'LOCALHOST',
  ].map((host) => `http://${host}:${port}/`);

test('a stranger reaches none of this host’s own addresses, by whatever words', async () => {
  for (const url of ways()) {
    const asking = confined(true, () => fetchBytes(url, { maxBytes: 100, rounds: 1 }));
    await expect(asking, url).rejects.toMatchObject({ code: 'ADDRESS_REFUSED' });
    await expect(send(new URL(url), { isForeignOrigin: true }), url).rejects.toMatchObject({
      permanent: true,
    });
  }
  expect(asked).toBe(0);
  expect((await fetchBytes(ways()[0]!, { maxBytes: 100 })).toString()).toBe('content');
});

test('a connection of the operator’s is none that a stranger goes on with', async () => {
  const url = `http://localhost:${port}/`;
  await fetchBytes(url, { maxBytes: 100 });
  const asking = confined(true, () => fetchBytes(url, { maxBytes: 100, rounds: 1 }));
  await expect(asking).rejects.toMatchObject({ code: 'ADDRESS_REFUSED' });
  expect(asked).toBe(1);
});

test('what the operator names is reached, and nothing beside it', async () => {
  const url = `http://localhost:${port}/`;
  const ask = () => confined(true, () => fetchBytes(url, { maxBytes: 100, rounds: 1 }));
  for (const networks of ['127.0.0.0/8, ::1', '127.0.0.1 ::1/128']) {
    vi.stubEnv(variable, networks);
    expect((await ask()).toString()).toBe('content');
  }
  for (const networks of ['127.0.0.2', '10.0.0.0/8 fd00::/8', '128.0.0.0/1']) {
    vi.stubEnv(variable, networks);
    await expect(ask()).rejects.toMatchObject({ code: 'ADDRESS_REFUSED' });
  }
  for (const wrong of ['localhost', '127.0.0.1/33', '10.0.0.0/8/8', '*', '0.0.0.0/x', '0.0.0.0/']) {
    vi.stubEnv(variable, wrong);
    await expect(ask(), wrong).rejects.toMatchObject({ code: 'USAGE' });
  }
});

test('of the addresses of a name each must be good', async () => {
  const look = (all: boolean) =>
    new Promise((done) => publicLookup('localhost', { all }, (error, address) => done(error ?? address)));
  expect(await look(true)).toMatchObject({ code: 'ADDRESS_REFUSED' });
  vi.stubEnv(variable, '127.0.0.0/8 ::1');
  expect(await look(true)).toContainEqual({ address: '127.0.0.1', family: 4 });
  expect(await look(false)).toMatch(/^(?:127\.0\.0\.1|::1)$/);
});

test('confinement ends with what it was for', async () => {
  await confined(true, async () => {
    await Promise.resolve();
    expect(isConfined()).toBe(true);
    await unconfined(async () => expect(isConfined()).toBe(false));
    expect(isConfined()).toBe(true);
    expect(await confined(false, async () => isConfined())).toBe(true);
  });
  expect(isConfined()).toBe(false);
});
