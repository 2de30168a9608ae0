/** Times that tell what came before from what came after, in the clock of file systems. */
import { setTimeout as sleep } from 'node:timers/promises';

/** Milliseconds: that clock moves in ticks of at most 10 ms. */
const tick = 12;

/** Nanoseconds: later than the time of every change before, and not later than that of any after. */
export async function nextStamp(): Promise<bigint> {
  // What was changed until now is stamped with this millisecond at the latest; in the next, the clock moves on.
  const before = Date.now();
  await sleep(tick);
  return BigInt(before + 1) * 1_000_000n;
}
