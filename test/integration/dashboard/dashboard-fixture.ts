/** A dashboard in this process on the private Redis of a state of its own, with a site and a queue full of hostile text. */
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { connect as connectTo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  startDashboard,
  type Dashboard,
  type DashboardOptions,
} from '../../../src/dashboard/start-dashboard.ts';
import { claims } from '../../../src/queue/claims.ts';
import { connect, type Connection } from '../../../src/queue/connection.ts';
import { keys, Queues } from '../../../src/queue/queues.ts';

export const token = 'a-token-of-the-tests-that-is-long-enough';
/** Stands in a file beside the site, in the environment of none. */
export const secret = 'the secret of the host';

/** As a package, a recipe, a log line, a host or a reference may be called by who wants scripts to run. */
export const hostile = [
  '<script>alert(1)</script>',
  '"><img src=x onerror=alert(2)>',
  "'-alert(3)-'",
  '</pre></table><svg/onload=alert(4)>',
  'javascript:alert(5)',
  '{{constructor.constructor("alert(6)")()}}',
  '</script><script>alert(7)</script>',
  '\u202Egnp.exe\u0000\u001B[31m',
  '<iframe srcdoc="<script>parent.alert(8)</script>"></iframe>',
  '<meta http-equiv=refresh content="0;url=javascript:alert(9)">',
];

export class Showroom {
  readonly directory: string;
  readonly connection: Connection;
  readonly queues: Queues;
  readonly dashboard: Dashboard;
  readonly errors: unknown[];

  private constructor(
    directory: string,
    connection: Connection,
    queues: Queues,
    dashboard: Dashboard,
    errors: unknown[],
  ) {
    this.directory = directory;
    this.connection = connection;
    this.queues = queues;
    this.dashboard = dashboard;
    this.errors = errors;
  }

  static async open(
    options: Partial<Pick<DashboardOptions, 'token' | 'place' | 'identity'>> = {},
  ): Promise<Showroom> {
    const directory = await mkdtemp(join(tmpdir(), 'milliner-dashboard-'));
    const site = join(directory, 'site');
    await mkdir(join(site, 'images'), { recursive: true });
    await writeFile(
      join(site, 'index.html'),
      '<!doctype html><html lang="en"><title>Images</title><link rel=icon href=data:,><h1>Images</h1>',
    );
    await writeFile(join(directory, 'secret.txt'), secret);
    await symlink('../secret.txt', join(site, 'secret.txt'));
    await symlink('/etc', join(site, 'etc'));
    const state = join(directory, 'state');
    await mkdir(state, { mode: 0o700 });
    const connection = await connect(state);
    const queues = new Queues(connection.redis, state);
    const errors: unknown[] = [];
    const dashboard = await startDashboard({
      place: options.place ?? { host: '127.0.0.1', port: 0 },
      identity: options.identity,
      token: options.token,
      queues,
      site,
      onError: (error) => errors.push(error),
    });
    return new Showroom(directory, connection, queues, dashboard, errors);
  }

  get port(): number {
    return Number(new URL(this.dashboard.address).port);
  }

  /** A release that asks for `to`, as the command of this machine queues it. */
  async release(id: string, to: string[]): Promise<void> {
    const request = await this.queues.machines.seal(claims.request, {
      version: 2,
      at: Date.now(),
      recipe: 'hat',
      run: '0b2c1f0e-8f6b-4c43-9d49-30b1b2f0f6a1',
      bundle: `sha256:${'1'.repeat(64)}`,
      arches: ['x86_64'],
      key: 'f'.repeat(16),
      to,
      plainHttp: false,
      priority: 10,
    });
    await this.queues.get('release').add('release', { request }, { jobId: id });
    await this.queues.redis.sadd(keys.queues, 'lock-x86_64');
  }

  /** Each hostile text in each place that a page shows. */
  async fill(): Promise<void> {
    await this.release('hat-1', hostile);
    const lock = this.queues.get('lock-x86_64');
    for (const text of hostile) {
      await this.queues.get('release').add(text, { text }, { jobId: `evil ${text.replaceAll(':', '')}` });
    }
    const job = await lock.add('lock', { package: hostile }, { jobId: 'hat-1.lock' });
    for (const text of hostile) await job.log(`2026-11-30T00:00:00.000Z ${text}`);
    await job.updateProgress({ text: hostile.join(' '), done: 1, total: 2 });
    const worker = { id: 'w', host: hostile.join(' '), pid: 1, slots: 1, takes: hostile, running: hostile };
    await this.queues.redis.sadd(keys.workers, 'w');
    await this.queues.redis.set(keys.worker('w'), JSON.stringify(worker));
  }

  async close(): Promise<void> {
    await this.dashboard.close();
    await this.queues.close();
    await this.connection.close();
    await rm(this.directory, { recursive: true, force: true });
  }
}

export interface RawAnswer {
  /** 0 where the server closed the connection without an answer. */
  status: number;
  head: string;
  body: string;
}

/** Sends bytes as they are, and reads until the server closes: no client mends them on the way. */
export async function sendRaw(port: number, text: string): Promise<RawAnswer> {
  const socket = connectTo(port, '127.0.0.1');
  socket.on('error', () => {});
  socket.write(text, 'latin1');
  return readAnswer(socket);
}

export async function readAnswer(socket: Socket): Promise<RawAnswer> {
  let all = '';
  for await (const chunk of socket) all += (chunk as Buffer).toString('latin1');
  const [head = '', ...rest] = all.split('\r\n\r\n');
  return { status: Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1] ?? 0), head, body: rest.join('\r\n\r\n') };
}

interface Asked {
  method?: string;
  headers?: Record<string, string>;
  body?: string;
}

/** A whole request with the headers of a browser on a page of this server, but for those given. */
export function requestText(
  port: number,
  path: string,
  { method = 'GET', headers = {}, body = '' }: Asked = {},
): string {
  const own = {
    host: `127.0.0.1:${port}`,
    connection: 'close',
    ...(method !== 'GET' && {
      origin: `http://127.0.0.1:${port}`,
      'sec-fetch-site': 'same-origin',
      'content-type': 'application/x-www-form-urlencoded',
      'content-length': String(Buffer.byteLength(body)),
    }),
    ...headers,
  };
  const lines = Object.entries(own).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n${body}`;
}

export async function ask(port: number, path: string, asked?: Asked): Promise<RawAnswer> {
  return sendRaw(port, requestText(port, path, asked));
}

/** The cookie of a session, as a browser sends it. */
export async function signIn(port: number): Promise<string> {
  const { head } = await ask(port, '/queue/sign-in', { method: 'POST', body: `token=${token}` });
  return /^set-cookie: ([^;]+)/im.exec(head)?.[1] ?? '';
}
