/** Times that tell what came before from what came after, in the clock of file systems. */
import { setTimeout as sleep } from 'node:timers/promises';

/** Nanoseconds. No change has this time yet, and none that follows has an earlier one: they come in ticks of at most 10 ms. */
export async function nextStamp(): Promise<bigint> {
  await sleep(12);
  return BigInt(Date.now()) * 1_000_000n;
}
