/** Ends the waiting for a Redis that does not answer: commands to it wait without an end. */
import { setTimeout as sleep } from 'node:timers/promises';
import { MillinerError } from '../lib/errors/error.ts';

const maxMilliseconds = 5000;

/** Throws QUEUE_UNAVAILABLE. */
export async function inTime<T>(answer: Promise<T>): Promise<T> {
  const over = new AbortController();
  const late = sleep(maxMilliseconds, undefined, { signal: over.signal }).then(() => {
    throw new MillinerError('QUEUE_UNAVAILABLE', "the queue's Redis does not answer in time");
  });
  late.catch(() => {});
  try {
    return await Promise.race([answer, late]);
  } finally {
    over.abort();
  }
}
