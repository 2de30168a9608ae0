/** Several pieces of work at once, and not one more once one of them has failed. */

/**
 * Calls fn for each item, at most `most` at a time, and gives the results in the items' order. The first failure
 * aborts the signal that fn was given, and is thrown when all that had begun has ended: nothing goes on behind the
 * caller's back.
 */
export async function inParallel<T, R>(
  items: readonly T[],
  max: number,
  outer: AbortSignal | undefined,
  fn: (item: T, signal: AbortSignal) => Promise<R>,
): Promise<R[]> {
  const stop = new AbortController();
  const signal = outer ? AbortSignal.any([outer, stop.signal]) : stop.signal;
  const results: R[] = [];
  const todo = items.entries();
  let failure: { error: unknown } | undefined;
  const worker = async () => {
    // One iterator for all workers: each entry is taken once.
    for (const [index, item] of todo) {
      signal.throwIfAborted();
      results[index] = await fn(item, signal);
    }
  };
  const workers = Array.from({ length: max }, () =>
    worker().catch((error: unknown) => {
      failure ??= { error };
      stop.abort();
    }),
  );
  await Promise.all(workers);
  if (failure) throw failure.error;
  return results;
}

/** A point that all of `count` pieces of work reach before any goes on; the last runs whenAll for them. */
export function meeting(count: number, whenAll: () => Promise<void>): (signal: AbortSignal) => Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  // Somebody waits for it, or all have been stopped.
  promise.catch(() => undefined);
  let arrived = 0;
  return async (signal) => {
    signal.throwIfAborted();
    if (++arrived === count) void whenAll().then(resolve, reject);
    const stopped = Promise.withResolvers<never>();
    const stop = () => stopped.reject(signal.reason as Error);
    signal.addEventListener('abort', stop);
    try {
      await Promise.race([promise, stopped.promise]);
    } finally {
      signal.removeEventListener('abort', stop);
    }
  };
}

/** What one at a time may have, in the order in which it was asked for. */
export class Turn {
  #last = Promise.resolve();

  /** Gives what ends it. */
  async take(): Promise<() => void> {
    const before = this.#last;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#last = promise;
    await before;
    return resolve;
  }
}
