/**
 * The private redis-server of a state directory, on a unix socket. The first process that needs it starts it, and the
 * last one to close stops it. Acknowledged writes are on the disk (append-only, synced), so the server may be killed at
 * any time.
 */
import { existsSync } from 'node:fs';
import { mkdir, open, readFile, truncate, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { MillinerError } from '../lib/errors/error.ts';
import { startServer } from '../lib/host/exec.ts';
import { isNearlyFull, lstatIfThere, saysDiskFull } from '../lib/host/files.ts';
import { acquire, withLock } from '../lib/host/locks.ts';

const socket = 'redis.sock';
const log = 'redis.log';
const pollMilliseconds = 20;
/** A long append-only file takes a while to read. A server that cannot start exits at once. */
const startMilliseconds = 60_000;
const maxLogBytes = 1024 * 1024;

const settings = {
  port: '0',
  unixsocket: socket,
  unixsocketperm: '700',
  dir: './',
  logfile: log,
  loglevel: 'warning',
  save: '',
  appendonly: 'yes',
  // An acknowledged job must survive a power failure.
  appendfsync: 'always',
  'auto-aof-rewrite-min-size': '16mb',
  'maxmemory-policy': 'noeviction',
};

export class PrivateServer {
  readonly #directory: string;
  /** A shared lock, held while this process uses the server. The process that gets it exclusively is the last one. */
  readonly #user: FileHandle;
  /** The path of a socket is limited to 107 bytes. A path through an open directory is always short. */
  readonly #place: FileHandle;
  #ensuring: Promise<unknown> = Promise.resolve();

  private constructor(directory: string, user: FileHandle, place: FileHandle) {
    this.#directory = directory;
    this.#user = user;
    this.#place = place;
  }

  /** Throws HOST_MISSING without redis-server, QUEUE_UNAVAILABLE if it does not start. */
  static async open(state: string): Promise<PrivateServer> {
    const directory = join(state, 'queue');
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const user = await acquire(join(directory, 'users.lock'), 'shared', { wait: true });
    const server = new PrivateServer(directory, user, await open(directory, 'r'));
    try {
      await server.ensure();
      return server;
    } catch (error) {
      await server.#letGo();
      throw error;
    }
  }

  get path(): string {
    return `/proc/self/fd/${this.#place.fd}/${socket}`;
  }

  /** Starts the server if it does not run, also after it was killed. Several processes may call this at once. */
  async ensure(): Promise<void> {
    const turn = join(this.#directory, 'redis.lock');
    const start = async () => (await this.#answers()) || this.#start();
    const ensured = withLock(turn, 'exclusive', start, { wait: true });
    this.#ensuring = ensured.catch(() => undefined);
    await ensured;
  }

  /** Stops the server if no other process uses it. */
  async close(): Promise<void> {
    // A start that is still under way would otherwise finish after the check.
    await this.#ensuring;
    await this.#user.close();
    try {
      const alone = await acquire(join(this.#directory, 'users.lock'), 'exclusive').catch(unlessBusy);
      if (!alone) return;
      try {
        await this.#stop();
      } finally {
        await alone.close();
      }
    } finally {
      await this.#place.close();
    }
  }

  async #letGo(): Promise<void> {
    await this.#user.close();
    await this.#place.close();
  }

  async #answers(): Promise<boolean> {
    return existsSync(this.path) && this.#ask(async (redis) => (await redis.ping()) === 'PONG');
  }

  async #stop(): Promise<void> {
    if (!existsSync(this.path)) return;
    // The server closes the connection in place of an answer.
    await this.#ask(async (redis) => (await redis.shutdown()) === 'OK');
    while (await this.#answers()) await sleep(pollMilliseconds);
  }

  /** False if the server does not answer. */
  async #ask(question: (redis: Redis) => Promise<boolean>): Promise<boolean> {
    // Milliseconds: after a shutdown ioredis would wait for a close event that has already happened.
    const options = { lazyConnect: true, retryStrategy: () => null, disconnectTimeout: 100 };
    const redis = new Redis({ path: this.path, ...options });
    // The rejected promise reports the same error.
    redis.on('error', () => {});
    try {
      await redis.connect();
      return await question(redis);
    } catch {
      return false;
    } finally {
      redis.disconnect();
    }
  }

  async #start(): Promise<void> {
    await this.#shortenLog();
    let started: { ended?: string } | undefined;
    const deadline = Date.now() + startMilliseconds;
    while (!(await this.#answers())) {
      started ??= await this.#spawn();
      if (started?.ended === 'ENOENT') {
        throw new MillinerError('HOST_MISSING', 'redis-server is not installed', {
          hint: 'Install it (apt-get install redis-server; dnf install redis), or name a running one in MILLINER_REDIS.',
        });
      }
      if (started?.ended !== undefined) throw await this.#unavailable(started.ended);
      if (Date.now() > deadline) throw await this.#unavailable('does not answer');
      await sleep(pollMilliseconds);
    }
  }

  /**
   * Undefined if another server process lives, whether it answers or not: two servers would corrupt the append-only
   * file. The server inherits the lock, and so holds it for its whole life.
   */
  async #spawn(): Promise<{ ended?: string } | undefined> {
    const life = await acquire(join(this.#directory, 'server.lock'), 'exclusive').catch(unlessBusy);
    if (!life) return undefined;
    const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
    const child = startServer('redis-server', args, this.#directory, life.fd);
    const started: { ended?: string } = {};
    child.once('error', (error: NodeJS.ErrnoException) => (started.ended = error.code ?? error.message));
    child.once('exit', (code, signal) => (started.ended = `exited with ${signal ?? code}`));
    await life.close();
    return started;
  }

  async #shortenLog(): Promise<void> {
    const path = join(this.#directory, log);
    const found = await lstatIfThere(path);
    if (found && found.size > maxLogBytes) await truncate(path);
  }

  async #unavailable(how: string): Promise<MillinerError> {
    const words = await readFile(join(this.#directory, log), 'utf8').catch(() => '');
    const last = words.trim().split('\n').slice(-5).join('\n');
    // On a full disk the log is empty.
    const isFull = saysDiskFull(last) || (await isNearlyFull(this.#directory));
    const code = isFull ? 'DISK_FULL' : 'QUEUE_UNAVAILABLE';
    return new MillinerError(code, `redis-server in ${this.#directory} ${how}: ${last}`, {
      details: { directory: this.#directory },
    });
  }
}

function unlessBusy(error: unknown): undefined {
  if (!(error instanceof MillinerError && error.code === 'BUSY')) throw error;
}
