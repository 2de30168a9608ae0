/** What a Redis does to those who need it: each begins in the middle of a release, and most pass. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { redisPassword, RedisServer } from '../../helpers/redis-server.ts';
import type { Road } from './cuttable-route.ts';

interface Ground {
  server: RedisServer;
  road: Road;
  /** Of where the server speaks TLS: what makeExpired has made. */
  expired: string;
}

export interface Trouble {
  name: string;
  /** How the release may end, besides well: codes of its error. */
  codes?: string[];
  /** Whether it may end well. */
  passes: boolean;
  /** Whether it is one of TLS. */
  tls?: boolean;
  does: (ground: Ground) => Promise<void>;
}

/** Milliseconds: longer than a job's lock. */
const long = 18_000;
const short = 4000;

/** As the one who may do everything. */
async function told(server: RedisServer, ...commands: string[][]): Promise<void> {
  const redis = server.client();
  try {
    for (const [name = '', ...args] of commands) await redis.call(name, ...args);
  } finally {
    redis.disconnect();
  }
}

async function forAWhile(server: RedisServer, begin: string[], end: string[], milliseconds = short) {
  await told(server, begin);
  await sleep(milliseconds);
  await told(server, end);
}

const setting = (name: string, value: string) => ['config', 'set', name, value];

async function forget({ server }: Ground): Promise<void> {
  await server.kill();
  await rm(join(server.directory, 'appendonlydir'), { recursive: true });
  await server.start();
}

/** Another takes its place, and the one that clients are connected to becomes its replica. */
async function failOver({ server, road }: Ground): Promise<void> {
  const other = await RedisServer.start();
  try {
    const credentials = [setting('masterauth', 'root'), setting('masteruser', 'default')];
    await told(other, ...credentials, ['replicaof', '127.0.0.1', String(server.port)]);
    const redis = other.client();
    while (!/master_link_status:up/.test(await redis.info('replication'))) await sleep(50);
    redis.disconnect();
    road.leadTo(other.port);
    await told(other, ['replicaof', 'no', 'one']);
    await told(server, ...credentials, ['replicaof', '127.0.0.1', String(other.port)]);
    server.adopt(other);
  } catch (error) {
    await other.close();
    throw error;
  }
}

/** Of every connection of ours. */
const breaking = ['client', 'kill', 'user', 'milliner'];

const user = (...rules: string[]) => ['acl', 'setuser', 'milliner', ...rules];

export const troubles: readonly Trouble[] = [
  {
    name: 'it is killed, and comes back with what it has promised',
    passes: true,
    does: async ({ server }) => {
      await server.kill();
      await sleep(short);
      await server.start();
    },
  },
  { name: 'it comes back empty', passes: false, codes: ['RELEASE_LOST'], does: forget },
  {
    name: 'all of it is removed',
    passes: false,
    codes: ['RELEASE_LOST'],
    does: ({ server }) => told(server, ['flushall']),
  },
  { name: 'another becomes the primary', passes: true, does: failOver },
  {
    name: 'it is a replica of nobody for a while: READONLY',
    passes: true,
    does: ({ server }) => forAWhile(server, ['replicaof', '127.0.0.1', '1'], ['replicaof', 'no', 'one']),
  },
  {
    name: 'it has no memory left for a while: OOM',
    passes: true,
    does: ({ server }) =>
      forAWhile(server, setting('maxmemory', '500kb'), setting('maxmemory', '0'), 2 * short),
  },
  {
    name: 'it has no replica to write to for a while: NOREPLICAS',
    passes: true,
    does: ({ server }) =>
      forAWhile(server, setting('min-replicas-to-write', '1'), setting('min-replicas-to-write', '0')),
  },
  {
    name: 'it answers nothing for longer than a lock',
    passes: true,
    does: ({ server }) => told(server, ['client', 'pause', String(long), 'all']),
  },
  {
    name: 'the network is cut for longer than a lock',
    passes: true,
    does: async ({ road }) => {
      road.cut();
      await sleep(long);
      road.mend();
    },
  },
  {
    name: 'every connection breaks',
    passes: true,
    does: async ({ road }) => {
      road.cut();
      road.mend();
    },
  },
  {
    name: 'it forgets the scripts',
    passes: true,
    does: ({ server }) => told(server, ['script', 'flush']),
  },
  {
    name: 'its user may no longer write',
    passes: false,
    codes: ['QUEUE_DENIED'],
    does: ({ server }) => told(server, user('-@all', '+info', '+ping')),
  },
  {
    name: 'its user has another password',
    passes: false,
    codes: ['QUEUE_DENIED'],
    does: ({ server }) => told(server, user('resetpass', '>other'), breaking),
  },
  {
    name: 'its user has another password for a while',
    passes: true,
    codes: ['QUEUE_DENIED'],
    does: async ({ server }) => {
      await told(server, user('resetpass', '>other'), breaking);
      await sleep(short);
      await told(server, user('resetpass', `>${redisPassword}`));
    },
  },
  {
    name: 'its certificate has expired',
    tls: true,
    passes: false,
    codes: ['QUEUE_UNAVAILABLE'],
    does: ({ server, expired }) => told(server, setting('tls-cert-file', expired), breaking),
  },
  {
    name: 'it speaks no TLS for a while',
    tls: true,
    passes: true,
    does: async ({ server, road }) => {
      // Plain, where TLS is expected: as behind a proxy that ends TLS.
      const plain = await RedisServer.start();
      try {
        road.leadTo(plain.port);
        await told(server, breaking);
        await sleep(short);
        road.leadTo(server.port);
      } finally {
        await plain.close();
      }
    },
  },
  {
    name: 'another program has keys below the prefix',
    passes: false,
    codes: ['QUEUE_UNSAFE'],
    does: ({ server }) => told(server, ['del', 'milliner:workers'], ['set', 'milliner:workers', 'others']),
  },
  {
    name: 'another program has keys where jobs wait',
    // What has been taken from there is published.
    passes: true,
    codes: ['QUEUE_UNSAFE'],
    does: ({ server }) =>
      told(server, ...['wait', 'prioritized'].map((key) => ['set', `milliner:publish:${key}`, 'others'])),
  },
];
