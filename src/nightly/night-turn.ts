/**
 * One run at a time for each set: on this machine by a lock of the state, and among machines that share a queue by a key in
 * its Redis. The key expires, so that a machine that dies does not stop the nights of the others.
 */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { RunOptions } from '../pipeline/state/context.ts';
import { withStateLock } from '../pipeline/state/state-lock.ts';
import { keys } from '../queue/queues.ts';

type Run = Pick<RunOptions, 'state' | 'progress' | 'signal'>;

/** Milliseconds. */
const life = 60_000;
const renewal = 15_000;
const pause = 1000;

/** Waits for another run of the set in this state. Throws INTERRUPTED. */
export function inLocalTurn<T>(run: Run, set: string, fn: () => Promise<T>): Promise<T> {
  return withStateLock(run, `night-${set}`, fn);
}

/** Waits for a run of the set on another machine. Throws the signal's reason. */
export async function inSharedTurn<T>(
  { progress, signal }: Run,
  redis: Redis,
  set: string,
  fn: () => Promise<T>,
): Promise<T> {
  const key = keys.turn(set);
  const name = `process ${process.pid} on ${hostname()} (${randomUUID()})`;
  let told = false;
  while ((await redis.set(key, name, 'PX', life, 'NX')) === null) {
    signal?.throwIfAborted();
    const holder = (await redis.get(key)) ?? 'another machine';
    if (!told) progress.step(`waiting for the night of ${set} that ${holder} runs`);
    told = true;
    await sleep(pause, undefined, { signal }).catch(() => undefined);
  }
  // A Redis that is away for a while lets the key expire. Two runs at once then queue the same releases, which are one.
  const renew = setInterval(() => void redis.pexpire(key, life).catch(() => undefined), renewal);
  try {
    return await fn();
  } finally {
    clearInterval(renew);
    if ((await redis.get(key)) === name) await redis.del(key);
  }
}
