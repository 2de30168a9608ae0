/**
 * What a stranger without the token may try on a dashboard that has one: nothing changes in the queue, no file of the
 * host is read, and others are still served. Sent as bytes where a client would mend them.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { keys } from '../../../src/queue/queues.ts';
import { ask, secret, sendRaw, Showroom, token, type RawAnswer } from './dashboard-fixture.ts';

let showroom: Showroom;
let port: number;
beforeAll(async () => {
  showroom = await Showroom.open({ token });
  await showroom.release('hat-1', ['registry.example.com/hat:1']);
  await showroom.release('hat-2', ['registry.example.com/hat:2']);
  port = showroom.port;
});
afterAll(() => showroom.close());

const post = (path: string, headers: Record<string, string> = {}, body = '') =>
  ask(port, path, { method: 'POST', headers, body });
const get = (path: string, headers: Record<string, string> = {}) => ask(port, path, { headers });
const cancel = '/queue/releases/hat-1/cancel';
const elsewhere = 'http://evil.example.com';
const form = `token=${token}`;

interface Attempt {
  /** What is tried. */
  name: string;
  send: () => Promise<RawAnswer>;
  /** 0: the connection is closed without an answer. */
  status: number | number[];
}

/** What changes something, with all that a stranger can make a browser or a program send. */
const changes: Attempt[] = [
  { name: 'a release is cancelled without a session', send: () => post(cancel), status: 403 },
  {
    name: 'with a session that was made up',
    send: () => post(cancel, { cookie: 'milliner-session=AAAA' }),
    status: 403,
  },
  {
    name: 'by a form of another site (CSRF)',
    send: () =>
      post(cancel, {
        origin: elsewhere,
        'sec-fetch-site': 'cross-site',
        'sec-fetch-mode': 'navigate',
        'sec-fetch-dest': 'document',
      }),
    status: 403,
  },
  {
    name: 'by a form of another port of this host',
    send: () => post(cancel, { origin: 'http://127.0.0.1:1', 'sec-fetch-site': 'same-site' }),
    status: 403,
  },
  {
    name: 'by a browser that sends no Sec-Fetch-Site, from a page in a sandbox',
    send: () => post(cancel, { origin: 'null', 'sec-fetch-site': '' }),
    status: 403,
  },
  {
    name: 'with the token tried from another site (login CSRF)',
    send: () => post('/queue/sign-in', { origin: elsewhere, 'sec-fetch-site': 'cross-site' }, form),
    status: 403,
  },
  {
    name: 'with a form that is JSON, or text',
    send: () => post(cancel, { 'content-type': 'text/plain' }),
    status: 415,
  },
  { name: 'by a GET', send: () => get(cancel), status: 404 },
  {
    name: 'by a method that a header overrides',
    send: () => get(cancel, { 'x-http-method-override': 'POST', 'x-method-override': 'POST' }),
    status: 404,
  },
  { name: 'by a method that the query overrides', send: () => get(`${cancel}?_method=POST`), status: 404 },
  {
    name: 'by bull-board: a job is removed',
    send: () => ask(port, '/jobs/api/queues/release/hat-1/clean', { method: 'PUT' }),
    status: 405,
  },
  {
    name: 'by bull-board: a queue is emptied by a POST that says PUT',
    send: () => post('/jobs/api/queues/release/empty', { 'x-http-method-override': 'PUT' }),
    status: [403, 404],
  },
  {
    name: 'by bull-board: a queue is paused',
    send: () => ask(port, '/jobs/api/queues/pause', { method: 'PUT' }),
    status: 405,
  },
  {
    name: 'by DELETE, PATCH and what a proxy forwards',
    send: () => ask(port, '/queue/releases/hat-1', { method: 'DELETE' }),
    status: 405,
  },
];

/** What would read a file of the host, or what only programs of the host may read. */
const reads: Attempt[] = [
  { name: 'a path with dots', send: () => get('/../secret.txt'), status: 400 },
  { name: 'with encoded dots', send: () => get('/%2e%2e/secret.txt'), status: 400 },
  { name: 'with an encoded slash', send: () => get('/..%2fsecret.txt'), status: 400 },
  { name: 'with twice encoded dots', send: () => get('/%252e%252e%252fsecret.txt'), status: 400 },
  { name: 'with a backslash', send: () => get('/..\\secret.txt'), status: 400 },
  { name: 'with overlong UTF-8', send: () => get('/%c0%ae%c0%ae/secret.txt'), status: 404 },
  { name: 'with a NUL', send: () => get('/secret.txt%00.html'), status: 400 },
  { name: 'through a link out of the site', send: () => get('/secret.txt'), status: 404 },
  { name: 'through a linked directory', send: () => get('/etc/passwd'), status: 404 },
  { name: 'a directory, as a list', send: () => get('/images/'), status: 404 },
  { name: 'below the files of bull-board', send: () => get('/jobs/static/../../package.json'), status: 400 },
  {
    name: 'below them with a job as a path',
    send: () => get('/jobs/api/queues/release/..%5c..%5cetc'),
    status: 400,
  },
  { name: 'the Redis and its clients, by bull-board', send: () => get('/jobs/api/redis/stats'), status: 403 },
  { name: 'by the whole URL of a file', send: () => get('file:///etc/passwd'), status: 400 },
  {
    name: 'under a name that leads here (DNS rebinding)',
    send: () => get('/queue', { host: `rebound.example.com:${port}` }),
    status: 421,
  },
  {
    name: 'under two names',
    send: () =>
      sendRaw(
        port,
        `GET /queue HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: rebound.example.com\r\nConnection: close\r\n\r\n`,
      ),
    status: 400,
  },
  { name: 'under the name of a whole URL', send: () => get('http://rebound.example.com/queue'), status: 400 },
  {
    name: 'by a script of another site',
    send: () =>
      get('/queue', {
        'sec-fetch-site': 'cross-site',
        'sec-fetch-mode': 'no-cors',
        'sec-fetch-dest': 'script',
      }),
    status: 403,
  },
];

/** What would confuse the server, or take its time and memory. */
const floods: Attempt[] = [
  {
    name: 'two lengths of one body',
    send: () =>
      sendRaw(
        port,
        `POST ${cancel} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\nContent-Length: 44\r\n\r\n`,
      ),
    status: 400,
  },
  {
    name: 'a length and chunks (request smuggling)',
    send: () =>
      sendRaw(
        port,
        `POST ${cancel} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /queue HTTP/1.1\r\n\r\n`,
      ),
    status: 400,
  },
  {
    name: 'a second request in the body of a GET',
    send: () =>
      sendRaw(
        port,
        `GET /queue HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 60\r\n\r\nPOST ${cancel} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`,
      ),
    status: 400,
  },
  {
    name: 'a header in the value of another',
    send: () => sendRaw(port, `GET /queue HTTP/1.1\r\nHost: 127.0.0.1\r\nX: a\n\rSet-Cookie: b\r\n\r\n`),
    status: 400,
  },
  {
    name: 'a path that would split the answer',
    send: () => get('/images%0d%0aset-cookie:%20a=b'),
    status: 400,
  },
  {
    name: 'a body that is too long',
    send: () => post('/queue/sign-in', {}, `token=${'x'.repeat(5000)}`),
    status: 413,
  },
  {
    name: 'a body without an end',
    send: () =>
      sendRaw(
        port,
        `POST /queue/sign-in HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nSec-Fetch-Site: same-origin\r\nTransfer-Encoding: chunked\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\n`,
      ),
    status: 411,
  },
  {
    name: 'a header that is too long',
    send: () => get('/queue', { 'x-long': 'x'.repeat(20_000) }),
    status: 431,
  },
  { name: 'a path that is too long', send: () => get(`/${'x'.repeat(3000)}`), status: 414 },
  { name: 'a tunnel', send: () => ask(port, 'example.com:80', { method: 'CONNECT' }), status: [0, 400, 405] },
  {
    name: 'an upgrade to another protocol',
    send: () => get('/queue/events', { upgrade: 'websocket', connection: 'Upgrade, close' }),
    status: 400,
  },
  {
    name: 'a thousand jobs in one page',
    send: () => get('/jobs/api/queues?activeQueue=release&jobsPerPage=100000'),
    status: 400,
  },
];

const attempts = [...changes, ...reads, ...floods];

test.each(attempts)('$name', async ({ send, status }) => {
  const answer = await send();
  expect([status].flat()).toContain(answer.status);
  expect(answer.body).not.toContain(secret);
  expect(answer.body).not.toContain('root:x:0');
  expect(answer.head.toLowerCase()).not.toContain('set-cookie');
});

test('after all of it the queue is as it was, nothing failed inside, and others are served', async () => {
  const { queues, errors } = showroom;
  for (const id of ['hat-1', 'hat-2']) {
    expect(await queues.get('release').getJobState(id)).toBe('waiting');
  }
  expect(await queues.redis.scard(keys.cancelled)).toBe(0);
  expect(await queues.get('release').isPaused()).toBe(false);
  expect(errors).toEqual([]);
  expect((await get('/queue')).status).toBe(200);
});
