/**
 * Connects to the queue's Redis: the shared one that MILLINER_REDIS names, or the private one of this state directory.
 */
import { Redis } from 'ioredis';
import { MillinerError } from '../lib/errors/error.ts';
import { isUntrusted, wordsOf } from '../lib/http/tls.ts';
import { Disconnector } from './disconnector.ts';
import { PrivateServer } from './private-redis.ts';
import { isPrefix, prefix, prefixVariable } from './queues.ts';
import { redisOptions, redisVariable } from './redis-address.ts';
import { asQueueError, isOfReplica } from './replies.ts';

/** Milliseconds to wait for the first connection of a command. An established connection is retried without limit. */
const connectTimeout = 10_000;
const retryPause = 250;

export interface Connection {
  redis: Redis;
  /** Whether other machines may use it. */
  shared: boolean;
  /**
   * Rejects when the connection is closed for good: QUEUE_DENIED, QUEUE_UNSAFE, or QUEUE_UNAVAILABLE for a certificate.
   * Commands that are still pending never get an answer then.
   */
  closed: Promise<never>;
  close(): Promise<void>;
}

export interface ConnectOptions {
  url?: string | undefined;
  signal?: AbortSignal | undefined;
  /** Called at intervals with the cause while an established connection is down. Pending commands wait for it. */
  onTrouble?: (error: Error) => void;
}

/** Fails when the connection is closed for good. Throws as connect does, and QUEUE_UNAVAILABLE for a certificate. */
export async function withConnection<T>(
  state: string,
  options: ConnectOptions,
  use: (connection: Connection) => Promise<T>,
): Promise<T> {
  const connection = await connect(state, options);
  try {
    return await Promise.race([use(connection), connection.closed]);
  } finally {
    await connection.close();
  }
}

/** Throws QUEUE_UNAVAILABLE, QUEUE_DENIED, QUEUE_UNSAFE, HOST_MISSING, DISK_FULL, USAGE. */
export async function connect(
  state: string,
  { url = process.env[redisVariable], signal, onTrouble = () => {} }: ConnectOptions = {},
): Promise<Connection> {
  if (!isPrefix(prefix)) {
    throw new MillinerError('USAGE', `${prefixVariable} is not a prefix of keys`, {
      hint: 'Write it with letters, digits, dots, dashes and underscores, such as staging.',
    });
  }
  const trouble = throttle(onTrouble);
  if (url === undefined || url === '') return connectPrivate(state, trouble, signal);
  const redis = new Redis({ ...redisOptions(url), ...optionsWith(trouble) });
  const disconnector = new Disconnector(redis, signal);
  await establish(redis, signal);
  redis.on('error', (error: Error) => {
    const fault = permanentFault(error);
    if (fault) disconnector.close(fault);
    else trouble(error);
  });
  return {
    redis,
    shared: true,
    closed: disconnector.closed,
    // A command that still waits for an answer would keep the process from ending.
    close: async () => disconnector.close(),
  };
}

const optionsWith = (trouble: (error: Error) => void) =>
  ({
    lazyConnect: true,
    // A job that fails while Redis is away would have to start again: it waits instead.
    maxRetriesPerRequest: null,
    connectTimeout: 5000,
    retryStrategy: (times: number) => Math.min(retryPause * times, 2000),
    // After a failover an old connection leads to a server that has become a replica. Reconnecting leads to the
    // primary, and ioredis sends the command again there.
    reconnectOnError: (error: Error) => {
      if (!isOfReplica(error)) return false;
      trouble(error);
      return 2;
    },
  }) as const;

async function connectPrivate(
  state: string,
  trouble: (error: Error) => void,
  signal: AbortSignal | undefined,
): Promise<Connection> {
  const server = await PrivateServer.open(state);
  const redis = new Redis({ path: server.path, ...optionsWith(trouble) });
  let closing = false;
  // The private server may be killed. Each client then tries to start it again, and a failed start is repeated with the
  // next attempt to connect.
  redis.on('close', () => {
    if (!closing) server.ensure().catch(trouble);
  });
  const disconnector = new Disconnector(redis, signal);
  const close = async () => {
    closing = true;
    disconnector.close();
    await server.close();
  };
  try {
    await establish(redis);
  } catch (error) {
    await close();
    throw error;
  }
  return { redis, shared: false, closed: disconnector.closed, close };
}

/** Milliseconds between two reports of the same trouble. */
const reportInterval = 10_000;

/** Reports the first error at once, and then at most one in each interval. */
export function throttle(tell: (error: Error) => void): (error: Error) => void {
  let next = 0;
  return (error) => {
    if (Date.now() < next) return;
    next = Date.now() + reportInterval;
    tell(error);
  };
}

async function establish(redis: Redis, signal?: AbortSignal): Promise<void> {
  let last: Error | undefined;
  const remember = (error: Error) => (last = error);
  redis.on('error', remember);
  const deadline = Date.now() + connectTimeout;
  const ready = new Promise<void>((done) => redis.once('ready', done));
  redis.connect().catch(() => {});
  const over = new AbortController();
  const poll = (async () => {
    while (!over.signal.aborted) {
      signal?.throwIfAborted();
      const fault = last && permanentFault(last);
      if (fault) throw fault;
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

/**
 * Refuses a Redis that would lose jobs: BullMQ only warns of one that evicts keys, and fails late on a replica or
 * cluster.
 */
async function checkServer(redis: Redis): Promise<void> {
  const info = await redis.info().catch((error: Error) => {
    throw asQueueError(error) ?? error;
  });
  const field = (name: string) => new RegExp(`^${name}:(.*?)\r?$`, 'm').exec(info)?.[1] ?? '';
  const policy = field('maxmemory_policy');
  const version = field('redis_version');
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const old = major < 6 || (major === 6 && minor < 2);
  const role = field('role');
  const cluster = field('cluster_enabled') === '1';
  const problem = [
    old && `is ${version}`,
    cluster && 'is in cluster mode, which spreads the keys of a job over servers',
    role !== '' && role !== 'master' && `is a replica (of ${field('master_host')})`,
    policy !== 'noeviction' && policy !== '' && `has maxmemory-policy ${policy}`,
  ].find((one) => one !== false);
  if (problem === undefined) return;
  throw new MillinerError('QUEUE_UNSAFE', `the queue's Redis ${problem}`, {
    details: { policy, version, role, cluster },
  });
}

/** Errors that a retry cannot cure: a refused password or an untrusted certificate. */
function permanentFault(error: Error): MillinerError | undefined {
  const known = asQueueError(error);
  if (known?.code === 'QUEUE_DENIED') return known;
  return isUntrusted(error) ? unavailable(error) : undefined;
}

function unavailable(cause: Error | undefined): MillinerError {
  const reason = cause ? `: ${wordsOf(cause)}` : '';
  return new MillinerError('QUEUE_UNAVAILABLE', `the queue's Redis does not answer${reason}`, { cause });
}
