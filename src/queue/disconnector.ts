/** Closes a connection to the queue's Redis, also while commands are still waiting for an answer. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { MillinerError } from '../lib/errors/error.ts';
import { AnswerMeter, maxAnswerBytes } from './answers.ts';

/** Milliseconds. A process that is told to stop does not wait longer for a Redis that is down. */
const maxDownMilliseconds = 3000;

/** Closes a connection and the duplicates that BullMQ makes of it, which would otherwise reconnect for ever. */
export class Disconnector {
  readonly closed: Promise<never>;
  readonly #reject: (fault: MillinerError) => void;
  readonly #all = new Set<Redis>();
  #isClosed = false;

  /** Once `signal` aborts, the connection is closed as soon as the Redis has been down for a while. */
  constructor(redis: Redis, signal?: AbortSignal) {
    const { promise, reject } = Promise.withResolvers<never>();
    promise.catch(() => {});
    [this.closed, this.#reject] = [promise, reject];
    const duplicate = redis.duplicate.bind(redis);
    redis.duplicate = (...options) => this.#know(duplicate(...options));
    this.#know(redis);
    const onAbort = () => void this.#closeWhenDown(redis, signal!.reason as MillinerError);
    signal?.addEventListener('abort', onAbort, { once: true });
  }

  close(fault?: MillinerError): void {
    this.#isClosed = true;
    if (fault) this.#reject(fault);
    for (const one of this.#all) one.disconnect();
  }

  async #closeWhenDown(redis: Redis, reason: MillinerError): Promise<void> {
    for (let since = Date.now(); redis.status !== 'end'; await sleep(100, undefined, { ref: false })) {
      if (redis.status === 'ready') since = Date.now();
      if (Date.now() - since > maxDownMilliseconds) return this.close(reason);
    }
  }

  #know(redis: Redis): Redis {
    this.#all.add(redis);
    redis.on('end', () => this.#all.delete(redis));
    redis.on('connecting', () => {
      this.#all.add(redis);
      // BullMQ takes a closed connection for a passing fault and connects again.
      if (this.#isClosed) redis.disconnect();
    });
    redis.on('connect', () => {
      const meter = new AnswerMeter();
      // Measured before the parser, which stores an answer until it is complete.
      redis.stream.prependListener('data', (chunk: Buffer) => {
        if (meter.take(chunk)) return;
        const what = `the queue's Redis answers with more than ${maxAnswerBytes} bytes`;
        this.close(new MillinerError('QUEUE_UNSAFE', what));
        redis.stream.destroy();
      });
    });
    return redis;
  }
}
