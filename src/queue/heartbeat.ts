/** The periodic work of a worker: sends its heartbeat, stops cancelled jobs, and looks for new keys. */
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Consumer } from './consumer.ts';
import { releaseQueue } from './job.ts';
import { keys, type Queues } from './queues.ts';

export interface About {
  id: string;
  slots: number;
  /** Names of the queues that it takes jobs from. */
  takes: () => string[];
}

export interface Hooks {
  findKeys: () => Promise<void>;
  onError: (error: Error) => void;
}

/** Milliseconds between two heartbeats. */
const pause = 500;
const keyPause = 1000;
/** A worker without a heartbeat in this time counts as dead. */
const lifeSeconds = 10;

export class Heartbeat {
  readonly #queues: Queues;
  readonly #about: About;
  readonly #consumers: ReadonlyMap<string, Consumer>;
  readonly #hooks: Hooks;
  readonly #over = new AbortController();
  readonly #beating: Promise<void>;

  constructor(queues: Queues, about: About, consumers: ReadonlyMap<string, Consumer>, hooks: Hooks) {
    this.#queues = queues;
    this.#about = about;
    this.#consumers = consumers;
    this.#hooks = hooks;
    this.#beating = this.#beat();
  }

  /** Ends the heartbeat and removes the worker's entry. */
  async stop(): Promise<void> {
    this.abandon();
    await this.#beating;
    await this.#queues.redis.srem(keys.workers, this.#about.id);
    await this.#queues.redis.del(keys.worker(this.#about.id));
  }

  /** Ends the heartbeat without Redis; the entry expires. */
  abandon(): void {
    this.#over.abort();
  }

  async #beat(): Promise<void> {
    let nextKeys = 0;
    while (!this.#over.signal.aborted) {
      try {
        await this.#sayAlive();
        await this.#stopCancelled();
        if (Date.now() > nextKeys) {
          await this.#hooks.findKeys();
          nextKeys = Date.now() + keyPause;
        }
      } catch (error) {
        this.#hooks.onError(error as Error);
      }
      await sleep(pause, undefined, { signal: this.#over.signal }).catch(() => undefined);
    }
  }

  async #sayAlive(): Promise<void> {
    const { id, slots, takes } = this.#about;
    const running = [...this.#consumers.values()].flatMap((consumer) => consumer.running);
    const about = {
      id,
      host: hostname(),
      pid: process.pid,
      slots,
      takes: takes(),
      running: running.map((job) => job.id),
    };
    // Not as a transaction: after a failover ioredis cannot send that again to the new primary.
    await this.#queues.redis.set(keys.worker(id), JSON.stringify(about), 'EX', lifeSeconds);
    await this.#queues.redis.sadd(keys.workers, id);
  }

  async #stopCancelled(): Promise<void> {
    for (const consumer of this.#consumers.values()) {
      if (consumer.queue === releaseQueue || consumer.running.length === 0) continue;
      const { running } = consumer;
      const releases = running.map(({ data }) => String((data as { release?: unknown }).release));
      const answers = await this.#queues.redis.smismember(keys.cancelled, ...releases);
      for (const [index, { id }] of running.entries()) {
        if (answers[index] === 1) consumer.stop(id!, 'cancelled');
      }
    }
  }
}
