/** Machines that share a queue run one night of a set at a time. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { MillinerError } from '../../../src/lib/errors/error.ts';
import { silent } from '../../../src/lib/host/progress.ts';
import { inTurn } from '../../../src/nightly/night-turn.ts';
import { keys } from '../../../src/queue/queues.ts';
import { RedisServer } from '../../helpers/redis-server.ts';

let server: RedisServer;
let directory: string;
beforeAll(async () => {
  server = await RedisServer.start();
  directory = await mkdtemp(join(tmpdir(), 'milliner-turn-'));
  vi.stubEnv('MILLINER_REDIS', server.url);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await server.close();
  await rm(directory, { recursive: true });
});

const machine = (name: string, step: (text: string) => void = () => {}) => ({
  state: join(directory, name),
  progress: { ...silent, step },
});

test('a second machine is told who runs, waits if it is asked to, and another set runs beside it', async () => {
  const [begun, over] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const first = inTurn(machine('one'), 'nightly', false, async (connection) => {
    expect(connection).toBeDefined();
    begun.resolve();
    await over.promise;
    return 'first';
  });
  await begun.promise;
  await expect(inTurn(machine('two'), 'nightly', false, async () => {})).rejects.toMatchObject({
    code: 'BUSY',
    details: { set: 'nightly', holder: expect.stringContaining(String(process.pid)) },
  });
  expect(await inTurn(machine('two'), 'other', false, async () => 'beside')).toBe('beside');
  const waits = Promise.withResolvers<void>();
  const order: string[] = [];
  const second = inTurn(
    machine('two', () => waits.resolve()),
    'nightly',
    true,
    async () => {
      order.push('second');
    },
  );
  await waits.promise;
  order.push('first');
  over.resolve();
  expect(await first).toBe('first');
  await second;
  expect(order).toEqual(['first', 'second']);
});

test('one that waits ends when it is interrupted', async () => {
  const stop = new AbortController();
  const interrupted = inTurn(machine('one'), 'nightly', false, () =>
    inTurn(
      {
        ...machine('two', () => stop.abort(new MillinerError('INTERRUPTED', 'Ctrl-C'))),
        signal: stop.signal,
      },
      'nightly',
      true,
      async () => {},
    ),
  );
  await expect(interrupted).rejects.toMatchObject({ code: 'INTERRUPTED' });
});

test('a machine that died stops nobody for longer than its key lives', async () => {
  const redis = server.client();
  try {
    await redis.set(keys.turn('nightly'), 'process 1 on a machine that is gone', 'PX', 1500);
    expect(await inTurn(machine('two'), 'nightly', true, async () => 'runs')).toBe('runs');
    expect(await redis.get(keys.turn('nightly'))).toBeNull();
  } finally {
    redis.disconnect();
  }
});
