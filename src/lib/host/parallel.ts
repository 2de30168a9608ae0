/** Runs several tasks at once, and starts no more of them after one has failed. */

/**
 * Calls fn for each item, at most `max` at a time, and returns the results in the order of the items. The first failure
 * aborts the signal that fn gets. It is thrown after all started calls have ended, so that none goes on in the
 * background.
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

/** A point that each of `count` tasks must reach before any goes on. The last one to reach it runs whenAll. */
export function meeting(count: number, whenAll: () => Promise<void>): (signal: AbortSignal) => Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  // A rejection is handled by the tasks that wait, or all of them were aborted.
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

/** A lock within this process, granted in the order of the requests. */
export class Turn {
  #last = Promise.resolve();

  /** Waits for its turn; returns the function that ends it. */
  async take(): Promise<() => void> {
    const before = this.#last;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#last = promise;
    await before;
    return resolve;
  }
}
