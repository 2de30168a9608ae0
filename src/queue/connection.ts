/** The way to the queue's Redis: the one that MILLINER_REDIS names, shared by many machines, or this state's own. */
import { isIP } from 'node:net';
import { Redis } from 'ioredis';
import { MillinerError } from '../errors.ts';
import { PrivateServer } from './server.ts';

export const redisVariable = 'MILLINER_REDIS';
/** Milliseconds: for the first connection of a command. Once connected, it is tried for ever. */
const patience = 10_000;
const retryPause = 250;

export interface Connection {
  redis: Redis;
  /** Whether other machines may use it. */
  shared: boolean;
  close(): Promise<void>;
}

export interface ConnectOptions {
  url?: string | undefined;
  signal?: AbortSignal | undefined;
  /** Told, now and then, why a Redis that was there is away; whatever was asked waits for it. */
  onTrouble?: (error: Error) => void;
}

/** Throws QUEUE_UNAVAILABLE, QUEUE_DENIED, QUEUE_UNSAFE, HOST_MISSING, DISK_FULL, USAGE. */
export async function connect(
  state: string,
  { url = process.env[redisVariable], signal, onTrouble = () => {} }: ConnectOptions = {},
): Promise<Connection> {
  const trouble = nowAndThen(onTrouble);
  if (url === undefined || url === '') return connectPrivate(state, trouble);
  const redis = new Redis({ ...placeOf(url), ...common });
  await establish(redis, signal);
  redis.on('error', trouble);
  return {
    redis,
    shared: true,
    // An answer that is still awaited would keep a command from ending.
    close: async () => redis.disconnect(),
  };
}

const common = {
  lazyConnect: true,
  // A job that waits for its Redis is better than one that fails.
  maxRetriesPerRequest: null,
  connectTimeout: 5000,
  retryStrategy: (times: number) => Math.min(retryPause * times, 2000),
} as const;

async function connectPrivate(state: string, trouble: (error: Error) => void): Promise<Connection> {
  const server = await PrivateServer.open(state);
  const redis = new Redis({ path: server.path, ...common });
  let closing = false;
  // It may be killed; then whoever needs it starts it again. What fails here is tried again with the next attempt.
  redis.on('close', () => {
    if (!closing) server.ensure().catch(trouble);
  });
  const close = async () => {
    closing = true;
    redis.disconnect();
    await server.close();
  };
  try {
    await establish(redis);
  } catch (error) {
    await close();
    throw error;
  }
  return { redis, shared: false, close };
}

/** Milliseconds between two complaints. */
const complaintPause = 10_000;

function nowAndThen(tell: (error: Error) => void): (error: Error) => void {
  let next = 0;
  return (error) => {
    if (Date.now() < next) return;
    next = Date.now() + complaintPause;
    tell(error);
  };
}

function placeOf(text: string) {
  // Nothing of it is shown: it may hold a password.
  const refuse = () =>
    new MillinerError('USAGE', `${redisVariable} is no URL of a Redis`, {
      hint: 'Write it as redis://[USER:PASSWORD@]HOST[:PORT][/DB], rediss:// for TLS, or unix:///PATH.',
    });
  if (!URL.canParse(text)) throw refuse();
  const url = new URL(text);
  const user = {
    ...(url.username !== '' && { username: decodeURIComponent(url.username) }),
    ...(url.password !== '' && { password: decodeURIComponent(url.password) }),
  };
  if (url.protocol === 'unix:') return { ...user, path: decodeURIComponent(url.pathname) };
  if (url.protocol !== 'redis:' && url.protocol !== 'rediss:') throw refuse();
  const db = url.pathname.replace(/^\//, '');
  if (url.hostname === '' || !/^\d*$/.test(db)) throw refuse();
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  return {
    ...user,
    host,
    port: Number(url.port || 6379),
    db: Number(db),
    // The name that its certificate must have; for an address there is none to send.
    ...(url.protocol === 'rediss:' && { tls: isIP(host) === 0 ? { servername: host } : {} }),
  };
}

async function establish(redis: Redis, signal?: AbortSignal): Promise<void> {
  let last: Error | undefined;
  const remember = (error: Error) => (last = error);
  redis.on('error', remember);
  const deadline = Date.now() + patience;
  const ready = new Promise<void>((done) => redis.once('ready', done));
  redis.connect().catch(() => {});
  const over = new AbortController();
  const poll = (async () => {
    while (!over.signal.aborted) {
      signal?.throwIfAborted();
      if (last && isDenied(last)) throw denied(last);
      if (Date.now() > deadline) throw unavailable(last);
      await new Promise((done) => setTimeout(done, 50));
    }
  })();
  try {
    await Promise.race([ready, poll]);
    await checkServer(redis);
  } catch (error) {
    redis.disconnect();
    throw error;
  } finally {
    over.abort();
    poll.catch(() => {});
    redis.off('error', remember);
    redis.on('error', () => {});
  }
}

/** What BullMQ itself would only warn of: an evicting Redis forgets jobs. */
async function checkServer(redis: Redis): Promise<void> {
  const info = await redis.info().catch((error: Error) => {
    throw isDenied(error) ? denied(error) : error;
  });
  const field = (name: string) => new RegExp(`^${name}:(.*?)\r?$`, 'm').exec(info)?.[1] ?? '';
  const policy = field('maxmemory_policy');
  const version = field('redis_version');
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const old = major < 6 || (major === 6 && minor < 2);
  if (!old && (policy === 'noeviction' || policy === '')) return;
  const what = old ? `Redis ${version}` : `maxmemory-policy ${policy}`;
  throw new MillinerError('QUEUE_UNSAFE', `the queue's Redis has ${what}`, { details: { policy, version } });
}

function isDenied({ message }: Error): boolean {
  return /^(?:NOAUTH|WRONGPASS|NOPERM|ERR (?:invalid password|Client sent AUTH))/.test(message);
}

function denied(cause: Error): MillinerError {
  return new MillinerError('QUEUE_DENIED', `the queue's Redis refuses: ${cause.message}`, { cause });
}

function unavailable(cause: Error | undefined): MillinerError {
  const why = cause ? `: ${cause.message}` : '';
  return new MillinerError('QUEUE_UNAVAILABLE', `the queue's Redis does not answer${why}`, { cause });
}
