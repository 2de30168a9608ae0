/** How a connection to the queue's Redis ends: also when what is asked is never answered. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { MillinerError } from '../lib/errors/error.ts';
import { AnswerMeter, largestAnswer } from './answers.ts';

/** A Redis that has not come back for so long is not waited for by whoever is to stop. */
const awayMilliseconds = 3000;

/** The end of a connection, and of those that BullMQ makes of it: they would try for ever to come back. */
export class Departure {
  readonly left: Promise<never>;
  readonly #reject: (fault: MillinerError) => void;
  readonly #all = new Set<Redis>();
  #isLeft = false;

  /** Whoever is to stop, by the signal, does not wait for a Redis that is away. */
  constructor(redis: Redis, signal?: AbortSignal) {
    const { promise, reject } = Promise.withResolvers<never>();
    promise.catch(() => {});
    [this.left, this.#reject] = [promise, reject];
    const duplicate = redis.duplicate.bind(redis);
    redis.duplicate = (...options) => this.#know(duplicate(...options));
    this.#know(redis);
    const leave = () => void this.#leaveWhenAway(redis, signal!.reason as MillinerError);
    signal?.addEventListener('abort', leave, { once: true });
  }

  leave(fault?: MillinerError): void {
    this.#isLeft = true;
    if (fault) this.#reject(fault);
    for (const one of this.#all) one.disconnect();
  }

  async #leaveWhenAway(redis: Redis, reason: MillinerError): Promise<void> {
    for (let since = Date.now(); redis.status !== 'end'; await sleep(100, undefined, { ref: false })) {
      if (redis.status === 'ready') since = Date.now();
      if (Date.now() - since > awayMilliseconds) return this.leave(reason);
    }
  }

  #know(redis: Redis): Redis {
    this.#all.add(redis);
    redis.on('end', () => this.#all.delete(redis));
    redis.on('connecting', () => {
      this.#all.add(redis);
      // BullMQ takes an end for a fault that passes, and connects again.
      if (this.#isLeft) redis.disconnect();
    });
    redis.on('connect', () => {
      const meter = new AnswerMeter();
      // Before the parser, which keeps all of an answer until it is whole.
      redis.stream.prependListener('data', (chunk: Buffer) => {
        if (meter.take(chunk)) return;
        const what = `the queue's Redis answers with more than ${largestAnswer} bytes`;
        this.leave(new MillinerError('QUEUE_UNSAFE', what));
        redis.stream.destroy();
      });
    });
    return redis;
  }
}
