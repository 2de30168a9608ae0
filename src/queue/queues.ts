/** The queues of one Redis, each opened once, and the keys that Milliner stores beside them. */
import { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { Machines } from './sealed.ts';

export const prefixVariable = 'MILLINER_REDIS_PREFIX';
/** Prefix of all keys. Two prefixes in one Redis are two independent queues. */
export const prefix = process.env[prefixVariable] || 'milliner';
/** Whether keys with this prefix can be split again at their colons. */
export const isPrefix = (text: string): boolean => /^[\w.-]{1,64}$/.test(text);

/** The keys that are Milliner's own, not BullMQ's. */
export const keys = {
  /** Counter for the ids of releases. */
  number: `${prefix}:number`,
  /** Hash: recipe to its newest release. */
  newest: `${prefix}:newest`,
  /** Set: cancelled releases. */
  cancelled: `${prefix}:cancelled`,
  /** Hash: reference to the time of the request that last moved it. */
  published: `${prefix}:published`,
  /** Who runs the night of a set; expires with its run. */
  turn: (set: string) => `${prefix}:turn:${set}`,
  /** Set: names of all queues that have had a job. */
  queues: `${prefix}:queues`,
  /** Set: workers; each has a key of its own that expires with its heartbeat. */
  workers: `${prefix}:workers`,
  worker: (id: string) => `${prefix}:worker:${id}`,
} as const;

export class Queues {
  readonly redis: Redis;
  /** The machines whose claims are accepted here. */
  readonly machines: Machines;
  readonly #open = new Map<string, Queue>();

  constructor(redis: Redis, state: string) {
    this.redis = redis;
    this.machines = new Machines(state);
  }

  get(name: string): Queue {
    const there = this.#open.get(name);
    if (there) return there;
    const queue = new Queue(name, { connection: this.redis, prefix, skipMetasUpdate: true });
    // Every call reports its own failure.
    queue.on('error', () => {});
    this.#open.set(name, queue);
    return queue;
  }

  /** Queue and id of a job's key, as flows name their children: PREFIX:QUEUE:ID. */
  byKey(key: string): { queue: Queue; id: string } {
    const [, name = '', id = ''] = key.split(':');
    return { queue: this.get(name), id };
  }

  async close(): Promise<void> {
    await Promise.all([...this.#open.values()].map((queue) => queue.close()));
  }
}
