/**
 * Passes a source's pieces on until a signal aborts; then throws its reason and ends the source. Not node:stream's
 * addAbortSignal: if reading has not begun, no code handles its error, and the process ends.
 */
export async function* stoppable<T>(
  source: AsyncIterable<T>,
  signal: AbortSignal | undefined,
): AsyncGenerator<T> {
  signal?.throwIfAborted();
  for await (const piece of source) {
    signal?.throwIfAborted();
    yield piece;
  }
}
