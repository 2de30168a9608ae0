/** The queues of one Redis, each opened once, and what the queue knows beside its jobs. */
import { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { Machines } from './sealed.ts';

export const prefixVariable = 'MILLINER_REDIS_PREFIX';
/** Of all keys: releases under one prefix know nothing of those under another in the same Redis. */
export const prefix = process.env[prefixVariable] || 'milliner';
/** Whether keys can be taken apart again. */
export const isPrefix = (text: string): boolean => /^[\w.-]{1,64}$/.test(text);

/** Keys of our own. */
export const keys = {
  /** Counts the releases, for their names. */
  number: `${prefix}:number`,
  /** Hash: recipe to its newest release. */
  newest: `${prefix}:newest`,
  /** Set: releases that were given up. */
  cancelled: `${prefix}:cancelled`,
  /** Hash: reference to the time of the request that last moved it. */
  published: `${prefix}:published`,
  /** Set: names of all queues that ever had a job. */
  queues: `${prefix}:queues`,
  /** Set: workers; each has a key of its own for as long as it lives. */
  workers: `${prefix}:workers`,
  worker: (id: string) => `${prefix}:worker:${id}`,
} as const;

export class Queues {
  readonly redis: Redis;
  /** Whose claims count here. */
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
    // Every call says itself what went wrong.
    queue.on('error', () => {});
    this.#open.set(name, queue);
    return queue;
  }

  /** For a job's key, as flows name their children: PREFIX:QUEUE:ID. */
  byKey(key: string): { queue: Queue; id: string } {
    const [, name = '', id = ''] = key.split(':');
    return { queue: this.get(name), id };
  }

  async close(): Promise<void> {
    await Promise.all([...this.#open.values()].map((queue) => queue.close()));
  }
}
