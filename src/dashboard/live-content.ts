/**
 * The content of the queue for many watchers at once: it is read once a second while someone watches, however many they
 * are, and a slow watcher misses states in between rather than filling the memory.
 */
import { setTimeout as sleep } from 'node:timers/promises';

const pauseMilliseconds = 1000;
const maxWatchers = 32;

export class LiveContent {
  readonly #read: () => Promise<string>;
  #text: string | undefined;
  #readAt = -Infinity;
  #reading: Promise<string> | undefined;
  #watchers = 0;
  #isPolling = false;
  #changed = Promise.withResolvers<void>();

  /** `read` renders the content, and an error of the queue as well. */
  constructor(read: () => Promise<string>) {
    this.#read = read;
  }

  /** No older than the pause between two reads. */
  async now(): Promise<string> {
    const isFresh = performance.now() - this.#readAt < pauseMilliseconds;
    if (this.#text !== undefined && isFresh) return this.#text;
    this.#reading ??= this.#refresh().finally(() => (this.#reading = undefined));
    return this.#reading;
  }

  /** Undefined where as many watch as may. Otherwise the place is the caller's until it calls the function. */
  enter(): (() => void) | undefined {
    if (this.#watchers >= maxWatchers) return undefined;
    this.#watchers += 1;
    void this.#poll();
    let isInside = true;
    return () => {
      if (isInside) this.#watchers -= 1;
      isInside = false;
    };
  }

  /** The content now, and then whenever it has changed, until the signal. */
  async *changes(signal: AbortSignal): AsyncGenerator<string> {
    const over = new Promise<void>((done) => {
      if (signal.aborted) done();
      signal.addEventListener('abort', () => done(), { once: true });
    });
    let told: string | undefined;
    while (!signal.aborted) {
      const next = this.#changed.promise;
      const text = await this.now();
      if (signal.aborted) return;
      if (text === told) await Promise.race([next, over]);
      else yield (told = text);
    }
  }

  async #poll(): Promise<void> {
    if (this.#isPolling) return;
    this.#isPolling = true;
    while (this.#watchers > 0) {
      await this.now();
      await sleep(pauseMilliseconds, undefined, { ref: false });
    }
    this.#isPolling = false;
  }

  async #refresh(): Promise<string> {
    const text = await this.#read();
    this.#readAt = performance.now();
    if (text === this.#text) return text;
    this.#text = text;
    const { resolve } = this.#changed;
    this.#changed = Promise.withResolvers();
    resolve();
    return text;
  }
}
