/** Buffers that nobody uses, by size. A large one for every stream would keep the garbage collector busy. */
const freeBuffers = new Map<number, Buffer[]>();

/**
 * Small pieces joined to chunks of one size: what a compressor makes of a stream then depends on its bytes alone. A
 * chunk is good until the next is asked for.
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
