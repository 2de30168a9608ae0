/**
 * The pieces of a source until a signal comes; then throws its reason, and the source is ended. Not addAbortSignal of
 * node:stream, whose error is nobody's, and ends the process, where the reading has not begun.
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
