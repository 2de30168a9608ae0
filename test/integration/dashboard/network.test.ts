/** Elsewhere than on loopback: TLS or nothing, the names of the certificate alone, and with a token only for its holders. */
import { chmod, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readToken } from '../../../src/dashboard/access-token.ts';
import { checkIdentity } from '../../../src/dashboard/listen-place.ts';
import { makeCertificate, makeExpired } from '../../helpers/registry/certificate.ts';
import { sendRaw, Showroom, token } from './dashboard-fixture.ts';

const place = { host: '0.0.0.0', port: 0 };
let directory: string;
let showroom: Showroom;
let cert: string;
let key: string;
const read = (name: string) => readFile(join(directory, name), 'utf8');
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'milliner-network-'));
  await makeCertificate(directory, 'dashboard');
  await makeCertificate(directory, 'other');
  await makeExpired(directory, 'dashboard');
  [cert, key] = [await read('dashboard.crt'), await read('dashboard.key')];
  showroom = await Showroom.open({ token, place, identity: { cert, key } });
});
afterAll(async () => {
  await showroom.close();
  await rm(directory, { recursive: true, force: true });
});

interface Answer {
  status: number | undefined;
  location: string | undefined;
  cookies: string[];
}

async function ask(path: string, headers: Record<string, string> = {}, body?: string): Promise<Answer> {
  const method = body === undefined ? 'GET' : 'POST';
  const form = {
    'content-type': 'application/x-www-form-urlencoded',
    'content-length': String(body?.length),
  };
  const options = {
    host: '127.0.0.1',
    port: showroom.port,
    path,
    method,
    ca: cert,
    servername: 'localhost',
    agent: false,
  };
  return new Promise((done, fail) => {
    const own = body === undefined ? headers : { ...form, 'sec-fetch-site': 'same-origin', ...headers };
    const asked = request({ ...options, headers: own }, (response) => {
      const { location, 'set-cookie': cookies = [] } = response.headers;
      response.resume().once('end', () => done({ status: response.statusCode, location, cookies }));
    });
    asked.on('error', fail).end(body);
  });
}

test('without a certificate it is not served there', async () => {
  await expect(Showroom.open({ place })).rejects.toMatchObject({ code: 'LISTEN_UNSAFE' });
});

test.each(['/', '/queue', '/queue/releases/hat-1', '/jobs', '/jobs/static/js/none.js'])(
  '%s leads who has no session to the form',
  async (path) => {
    const answer = await ask(path, { accept: 'text/html' });
    expect(answer).toMatchObject({ status: 303, location: '/queue/sign-in' });
  },
);

test.each(['/queue/events', '/jobs/api/queues', '/assets/site.css'])(
  '%s is not for programs without one',
  async (path) => {
    expect((await ask(path)).status).toBe(401);
  },
);

test('a session is kept by TLS alone, and opens all of it', async () => {
  const { status, cookies } = await ask('/queue/sign-in', {}, `token=${token}`);
  expect(status).toBe(303);
  expect(cookies[0]).toMatch(
    /^__Host-milliner-session=[\w-]{43}; Path=\/; HttpOnly; Secure; SameSite=Strict$/,
  );
  const cookie = cookies[0]!.split(';')[0]!;
  for (const path of ['/', '/queue', '/jobs/api/queues'])
    expect((await ask(path, { cookie })).status).toBe(200);
});

test.each([
  ['localhost', 200],
  ['127.0.0.1:8443', 200],
  ['0.0.0.0', 200],
  ['rebound.example.com', 421],
  ['192.0.2.1', 421],
])('the Host %j gets %i', async (host, status) => {
  expect((await ask('/queue/sign-in', { host })).status).toBe(status);
});

test('without TLS there is no answer', async () => {
  expect((await sendRaw(showroom.port, 'GET /queue HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n')).status).not.toBe(
    200,
  );
});

test('a certificate without its key, or one that has expired, is refused', async () => {
  const refused = expect.objectContaining({ code: 'CERTIFICATE_INVALID' }) as Error;
  const otherKey = await read('other.key');
  const expired = await read('dashboard-expired.crt');
  expect(() => checkIdentity({ cert, key: otherKey })).toThrow(refused);
  expect(() => checkIdentity({ cert: expired, key })).toThrow(refused);
  expect(() => checkIdentity({ cert: key, key })).toThrow(refused);
});

test('a token is read from a file that its owner alone can read', async () => {
  const file = join(directory, 'token');
  await writeFile(file, `${token}\n`, { mode: 0o600 });
  expect(await readToken(file)).toBe(token);
  const link = join(directory, 'link');
  await symlink(file, link);
  await expect(readToken(link)).rejects.toMatchObject({ code: 'TOKEN_FILE_INVALID' });
  await expect(readToken(join(directory, 'none'))).rejects.toMatchObject({ code: 'TOKEN_FILE_INVALID' });
  await expect(readToken(directory)).rejects.toMatchObject({ code: 'TOKEN_FILE_INVALID' });
  await chmod(file, 0o640);
  await expect(readToken(file)).rejects.toMatchObject({ code: 'TOKEN_FILE_INVALID' });
  await chmod(file, 0o600);
  await writeFile(file, 'short');
  await expect(readToken(file)).rejects.toMatchObject({ code: 'TOKEN_FILE_INVALID' });
});
