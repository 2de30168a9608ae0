/**
 * One run at a time for each set: on this machine by a lock of the state, and among machines that share a queue by a key in
 * its Redis. The key expires, so that a machine that dies does not stop the nights of the others.
 */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { MillinerError } from '../lib/errors/error.ts';
import type { RunOptions } from '../pipeline/state/context.ts';
import { withStateLock } from '../pipeline/state/state-lock.ts';
import { withConnection, type Connection } from '../queue/connection.ts';
import { keys } from '../queue/queues.ts';
import { redisVariable } from '../queue/redis-address.ts';

type Run = Pick<RunOptions, 'state' | 'progress' | 'signal'>;

/** Milliseconds. */
const life = 60_000;
const renewal = 15_000;
const pause = 1000;

/**
 * Runs fn while no other night of the set runs; with the connection of a queue that machines share. Waits for the other
 * one, or throws BUSY. Throws INTERRUPTED, and what connecting throws.
 */
export function inTurn<T>(
  run: Run,
  set: string,
  wait: boolean,
  fn: (connection: Connection | undefined) => Promise<T>,
): Promise<T> {
  const inLocalTurn = () => {
    // The state's own queue is of this machine alone.
    if (!process.env[redisVariable]) return fn(undefined);
    const onTrouble = ({ message }: Error) => run.progress.warn(message);
    return withConnection(run.state, { signal: run.signal, onTrouble }, (connection) =>
      inSharedTurn(run, connection.redis, { set, wait }, () => fn(connection)),
    );
  };
  return withStateLock(run, `night-${set}`, inLocalTurn, { wait });
}

async function inSharedTurn<T>(
  { progress, signal }: Run,
  redis: Redis,
  { set, wait }: { set: string; wait: boolean },
  fn: () => Promise<T>,
): Promise<T> {
  const key = keys.turn(set);
  const name = `process ${process.pid} on ${hostname()} (${randomUUID()})`;
  let told = false;
  while ((await redis.set(key, name, 'PX', life, 'NX')) === null) {
    signal?.throwIfAborted();
    const holder = (await redis.get(key)) ?? 'another machine';
    if (!wait)
      throw new MillinerError('BUSY', `${holder} runs the night of ${set}`, { details: { set, holder } });
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
