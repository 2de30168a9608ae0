/** Damaged copies of real bytes, the same ones in every run. */

/** How many mutations a test makes: a sample, or thousands under MILLINER_SOAK. */
export const mutationCount = process.env.MILLINER_SOAK ? 5000 : 200;

const extremes = [
  0, 1, 0x7fffffff, 0x80000000, 0xffffffff, 0xfffffff0, 0x0fffffff, 0x10000000, 0xffff, 0x10000,
];

/**
 * Copies with one to four faults each: flipped bits, 32-bit fields set to extremes, cuts, repeated or removed spans.
 * @param from faults begin here, so that magic numbers need not hide the rest
 */
export function* mutations(original: Buffer, count = mutationCount, from = 0): Generator<Buffer> {
  let state = 0x2545f491;
  const random = (below: number): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % Math.max(1, below);
  };
  for (let i = 0; i < count; i += 1) {
    let copy = Buffer.from(original);
    for (let fault = random(4); fault >= 0; fault -= 1) {
      const at = from + random(copy.length - from);
      const kind = random(8);
      if (kind < 3) copy[at] = (copy[at] ?? 0) ^ (1 << random(8));
      else if (kind < 6)
        copy.writeUInt32BE(extremes[random(extremes.length)] ?? 0, Math.min(at & ~3, copy.length - 4));
      else if (kind === 6) copy = copy.subarray(0, Math.max(8, at));
      else {
        const end = Math.min(copy.length, at + random(64));
        const span = copy.subarray(at, end);
        copy = Buffer.concat([copy.subarray(0, at), ...(random(2) ? [span, span] : []), copy.subarray(end)]);
      }
      if (copy.length < 8) break;
    }
    yield copy;
  }
}
