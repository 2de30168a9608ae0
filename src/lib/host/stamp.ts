/** Timestamps that separate earlier changes from later ones, in the file system's clock. */
import { setTimeout as sleep } from 'node:timers/promises';

/** Milliseconds: the kernel updates that clock at least every 10 ms. */
const tick = 12;

/** Nanoseconds: later than the time of every change so far, and not later than that of any change to come. */
export async function nextStamp(): Promise<bigint> {
  // Changes so far carry at most this millisecond. In the next one the clock has advanced.
  const before = Date.now();
  await sleep(tick);
  return BigInt(before + 1) * 1_000_000n;
}
