/** Many at once, and clients that never come to an end: others are served all the same. */
import { connect as connectTo, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ask, readAnswer, requestText, Showroom, token } from './dashboard-fixture.ts';

let showroom: Showroom;
let port: number;
/** Begun first: what is too slow is given up after some seconds. */
let slow: Promise<number[]>;
beforeAll(async () => {
  showroom = await Showroom.open({ token });
  port = showroom.port;
  slow = Promise.all(
    ['GET /queue HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ', `${formHead(100)}token=`].map(async (text) => {
      const socket = connectTo(port, '127.0.0.1', () => socket.write(text));
      const drip = setInterval(() => socket.write('a'), 500);
      try {
        return (await readAnswer(socket)).status;
      } finally {
        clearInterval(drip);
      }
    }),
  );
});
afterAll(() => showroom.close());

const formHead = (length: number) =>
  requestText(port, '/queue/sign-in', { method: 'POST', headers: { 'content-length': String(length) } });

/** Opens the stream of changes, and reads up to its first event. */
async function watch(): Promise<{ socket: Socket; status: number }> {
  const socket = connectTo(port, '127.0.0.1');
  socket.on('error', () => {});
  socket.write(requestText(port, '/queue/events'));
  const head = await new Promise<string>((done) =>
    socket.once('data', (chunk: Buffer) => done(chunk.toString())),
  );
  return { socket, status: Number(head.slice(9, 12)) };
}

test('so many watch and no more; the page stays, and a place that becomes free is given again', async () => {
  const all = await Promise.all(Array.from({ length: 40 }, watch));
  const statuses = all.map(({ status }) => status);
  expect(statuses.filter((status) => status === 200)).toHaveLength(32);
  expect(statuses.filter((status) => status === 503)).toHaveLength(8);
  expect((await ask(port, '/queue')).status).toBe(200);
  for (const { socket } of all) socket.destroy();
  for (let status = 503; status !== 200;) {
    const again = await watch();
    again.socket.destroy();
    status = again.status;
  }
});

test('a token is not found by trying', async () => {
  const statuses: number[] = [];
  for (let count = 0; count < 7; count++) {
    const answer = await ask(port, '/queue/sign-in', { method: 'POST', body: `token=wrong-${count}` });
    statuses.push(answer.status);
  }
  expect(statuses).toEqual([403, 403, 403, 403, 403, 429, 429]);
  const right = await ask(port, '/queue/sign-in', { method: 'POST', body: `token=${token}` });
  expect(right.status).toBe(429);
});

test('a request that never comes to its end is given up', async () => {
  expect(await slow).toEqual([408, 408]);
});

test('an address that asks without a pause is refused, and the queue is not asked for it', async () => {
  const socket = connectTo(port, '127.0.0.1');
  const one = `GET /queue HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`;
  socket.write(one.repeat(600));
  const all = await readAnswer(socket);
  expect(`${all.head}${all.body}`).toContain('HTTP/1.1 429');
});
