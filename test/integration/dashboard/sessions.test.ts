/** Who has the token: signs in, changes releases, signs out. */
import { rm } from 'node:fs/promises';
import { request as askSocket } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { keys } from '../../../src/queue/queues.ts';
import { ask, Showroom, signIn, token } from './dashboard-fixture.ts';

let showroom: Showroom;
let port: number;
beforeAll(async () => {
  showroom = await Showroom.open({ token });
  await showroom.release('hat-1', ['registry.example.com/hat:1']);
  port = showroom.port;
});
afterAll(() => showroom.close());

const post = (path: string, cookie: string) => ask(port, path, { method: 'POST', headers: { cookie } });

test('a session cancels a release and takes it up again, and does neither after it has ended', async () => {
  const cookie = await signIn(port);
  expect((await post('/queue/releases/hat-1/cancel', cookie)).status).toBe(303);
  expect(await showroom.queues.redis.smembers(keys.cancelled)).toEqual(['hat-1']);
  expect((await post('/queue/releases/hat-1/retry', cookie)).status).toBe(303);
  expect(await showroom.queues.redis.smembers(keys.cancelled)).toEqual([]);
  // It goes on: there is nothing to take up.
  expect((await post('/queue/releases/hat-1/retry', cookie)).status).toBe(409);
  expect((await post('/queue/releases/no-such/retry', cookie)).status).toBe(409);
  expect((await post('/queue/sign-out', cookie)).status).toBe(303);
  expect((await post('/queue/releases/hat-1/cancel', cookie)).status).toBe(403);
  expect(await showroom.queues.redis.smembers(keys.cancelled)).toEqual([]);
});

test('a session cannot do more with bull-board than read', async () => {
  const cookie = await signIn(port);
  const path = '/jobs/api/queues/release/hat-1/clean';
  expect((await ask(port, path, { method: 'PUT', headers: { cookie } })).status).toBe(405);
  expect((await post(path, cookie)).status).toBe(403);
});

test('a session that a stranger has put into the browser is not taken over', async () => {
  const put = 'milliner-session=put-there-by-a-stranger';
  const { head } = await ask(port, '/queue/sign-in', {
    method: 'POST',
    headers: { cookie: put },
    body: `token=${token}`,
  });
  const own = /^set-cookie: (.*)$/im.exec(head)?.[1] ?? '';
  expect(own).toMatch(/^milliner-session=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict$/);
  expect((await post('/queue/releases/hat-1/cancel', put)).status).toBe(403);
});

test('a session counts for the dashboard that gave it', async () => {
  const cookie = await signIn(port);
  const other = await Showroom.open({ token });
  try {
    await other.release('hat-1', ['registry.example.com/hat:1']);
    const headers = { cookie };
    const answer = await ask(other.port, '/queue/releases/hat-1/cancel', { method: 'POST', headers });
    expect(answer.status).toBe(403);
  } finally {
    await other.close();
  }
});

test('a socket answers to any name, since its owner alone gets there', async () => {
  const socketPath = join(showroom.directory, 'dashboard.sock');
  const other = await Showroom.open({ place: { socket: socketPath } });
  try {
    const status = await new Promise((done, fail) => {
      const options = { socketPath, path: '/queue', headers: { host: 'proxy.example.com' } };
      askSocket(options, (response) => done(response.resume().statusCode))
        .on('error', fail)
        .end();
    });
    expect(status).toBe(200);
  } finally {
    await other.close();
    await rm(socketPath, { force: true });
  }
});
