/** Unused buffers by size. A new large buffer for every stream would keep the garbage collector busy. */
const freeBuffers = new Map<number, Buffer[]>();

/**
 * Joins small pieces to chunks of one size, so that the compressed form depends only on the bytes of a stream. A chunk
 * is valid until the next is requested.
 */
export async function* inChunks(
  pieces: AsyncIterable<Buffer> | Iterable<Buffer>,
  size: number,
): AsyncGenerator<Buffer> {
  const chunk = freeBuffers.get(size)?.pop() ?? Buffer.allocUnsafeSlow(size);
  try {
    let filled = 0;
    for await (const piece of pieces) {
      for (let at = 0; at < piece.length;) {
        const copied = piece.copy(chunk, filled, at);
        at += copied;
        filled += copied;
        if (filled < size) continue;
        yield chunk;
        filled = 0;
      }
    }
    if (filled > 0) yield chunk.subarray(0, filled);
  } finally {
    freeBuffers.set(size, [...(freeBuffers.get(size) ?? []), chunk]);
  }
}
