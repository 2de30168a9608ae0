/**
 * Limits how many heavy jobs run at once, over all queues. Jobs near the end of a release go before those that begin
 * one.
 */
export class Slots {
  #free: number;
  readonly #waiting: { rank: number; begin: () => void }[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  /** Runs fn when a slot is free; lower ranks go first. Throws the signal's reason while it waits. */
  async run<T>(rank: number, signal: AbortSignal, fn: () => Promise<T>): Promise<T> {
    await this.#take(rank, signal);
    try {
      return await fn();
    } finally {
      const [next] = this.#waiting.splice(0, 1);
      if (next) next.begin();
      else this.#free++;
    }
  }

  async #take(rank: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#free > 0) {
      this.#free--;
      return;
    }
    await new Promise<void>((begin, fail) => {
      const onAbort = () => {
        const index = this.#waiting.indexOf(entry);
        if (index >= 0) this.#waiting.splice(index, 1);
        // oxlint-disable-next-line typescript/prefer-promise-reject-errors
        fail(signal.reason);
      };
      const entry = {
        rank,
        begin: () => {
          signal.removeEventListener('abort', onAbort);
          begin();
        },
      };
      signal.addEventListener('abort', onAbort, { once: true });
      const after = this.#waiting.findIndex((one) => one.rank > rank);
      this.#waiting.splice(after < 0 ? this.#waiting.length : after, 0, entry);
    });
  }
}
