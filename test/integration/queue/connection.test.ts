/** Ways to a Redis: the private one of a state directory, and shared ones by their URLs. */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { run } from '../../../src/lib/host/exec.ts';
import { unmountAllBelow } from '../../../src/lib/host/mounts.ts';
import { connect } from '../../../src/queue/connection.ts';
import { Desk } from '../../helpers/milliner.ts';
import { RedisServer } from '../../helpers/redis-server.ts';
import { makeCertificate } from '../../helpers/registry/certificate.ts';
import { eventually, serversBelow } from './queue-fixture.ts';

let desk: Desk;
beforeAll(async () => {
  desk = await Desk.open();
});
afterAll(async () => {
  await unmountAllBelow(desk.directory, { detach: true });
  await desk.remove();
});

const connectTo = (url: string) => connect(desk.state, { url });
const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'none',
    (error: unknown) => (error as { code: string }).code,
  );

/** What another connection sees. */
async function shares(url: string): Promise<void> {
  const [one, other] = await Promise.all([connectTo(url), connectTo(url)]);
  expect([one.shared, other.shared]).toEqual([true, true]);
  await one.redis.set('milliner:test', 'hat');
  expect(await other.redis.get('milliner:test')).toBe('hat');
  await Promise.all([one.close(), other.close()]);
}

test('TLS, for clients that trust its authority alone', async () => {
  await makeCertificate(desk.directory, 'tls');
  const [key, certificate] = [desk.path('tls.key'), desk.path('tls.crt')];
  const server = await RedisServer.start({ certificate: { key, certificate } });
  try {
    const status = (...trust: string[]) =>
      desk.run(['queue', 'status', '--json'], { wrapper: ['env', `MILLINER_REDIS=${server.url}`, ...trust] });
    expect(server.url).toMatch(/^rediss:/);
    expect((await status(`NODE_EXTRA_CA_CERTS=${certificate}`)).code).toBe(0);
    // The host's own store, where this is.
    expect((await status(`SSL_CERT_FILE=${certificate}`, 'NODE_EXTRA_CA_CERTS=')).code).toBe(0);
    const refused = await status();
    expect(refused.code).toBe(17);
    expect(JSON.parse(refused.stdout)).toMatchObject({ error: { code: 'QUEUE_UNAVAILABLE' } });
    expect(refused.stdout).toMatch(/certificate/);
  } finally {
    await server.close();
  }
});

test('a unix socket, a database by its number, a password in it that URLs have to escape', async () => {
  const server = await RedisServer.start({ settings: [`unixsocket ${desk.path('redis.sock')}`] });
  try {
    const user = /\/\/(.*)@/.exec(server.url)![1]!;
    await shares(`unix://${user}@localhost${desk.path('redis.sock')}`);
    await shares(server.url);
    await shares(`${server.url}/3`);
    expect(await codeOf(connectTo(server.url.replace(/:[^:]*@/, ':wrong@')))).toBe('QUEUE_DENIED');
    expect(await codeOf(connectTo(`redis://127.0.0.1:${server.port}`))).toBe('QUEUE_DENIED');
  } finally {
    await server.close();
  }
});

test.each(['nonsense', 'redis://', 'redis://host/name', 'https://host'])(
  '%s is no URL of one',
  async (url) => {
    expect(await codeOf(connectTo(url))).toBe('USAGE');
  },
);

test('the private one: many at once start one, the last stops it, and a long path is no matter', async () => {
  const state = join(desk.directory, 'a'.repeat(100), 'b'.repeat(100));
  await mkdir(state, { recursive: true });
  const open = await Promise.all(Array.from({ length: 8 }, () => connect(state, { url: '' })));
  const servers = await serversBelow(state);
  expect(servers).toHaveLength(1);
  await open[0]!.redis.set('hat', 'felt');
  for (const one of open.slice(1)) await one.close();
  expect(await serversBelow(state)).toEqual(servers);
  process.kill(servers[0]!, 'SIGKILL');
  expect(await open[0]!.redis.get('hat')).toBe('felt');
  await open[0]!.close();
  expect(await serversBelow(state)).toEqual([]);
  const again = await connect(state, { url: '' });
  expect(await again.redis.get('hat')).toBe('felt');
  await again.close();
});

test('the private one is opened and closed by many, again and again: whoever has it can use it', async () => {
  const state = desk.path('churn');
  await mkdir(state);
  const use = async (name: string) => {
    for (let round = 0; round < 10; round++) {
      const one = await connect(state, { url: '' });
      expect(await one.redis.incr(name)).toBe(round + 1);
      await one.close();
    }
  };
  await Promise.all(['a', 'b', 'c', 'd'].map(use));
  await eventually(async () => ((await serversBelow(state)).length === 0 ? true : undefined));
});

test('the private one on a full disk says so, and is well again when there is room', async () => {
  const state = desk.path('full');
  await mkdir(state);
  await run('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', state]);
  await mkdir(join(state, 'queue'));
  await writeFile(join(state, 'filler'), Buffer.alloc(4 * 1024 ** 2)).catch(() => undefined);
  expect(await codeOf(connect(state, { url: '' }))).toBe('DISK_FULL');
  await rm(join(state, 'filler'));
  const one = await connect(state, { url: '' });
  expect(await one.redis.ping()).toBe('PONG');
  await one.close();
});

test('a journal that breaks off, as a power cut leaves it, loses its last entry alone', async () => {
  const state = desk.path('cut');
  await mkdir(state);
  const one = await connect(state, { url: '' });
  for (const name of ['a', 'b', 'c']) await one.redis.set(name, '1');
  await one.close();
  const journal = join(state, 'queue', 'appendonlydir', 'appendonly.aof.1.incr.aof');
  await run('truncate', ['--size=-5', journal]);
  const again = await connect(state, { url: '' });
  expect(await again.redis.mget('a', 'b', 'c')).toEqual(['1', '1', null]);
  await again.close();
});
