/**
 * Takes the jobs of one queue. It adds to BullMQ's worker a reason for stopping a job, and errors that say whether to
 * retry.
 */
import {
  DelayedError,
  UnrecoverableError,
  WaitingChildrenError,
  WaitingError,
  Worker,
  type Job,
} from 'bullmq';
import type { Redis } from 'ioredis';
import { errorTable } from '../lib/errors/error.ts';
import { cancelled, lost } from './lease.ts';
import { jobFailureOf } from './job.ts';
import { prefix } from './queues.ts';
import { queueTrouble } from './replies.ts';

/**
 * Milliseconds. A worker process does no heavy work itself. A lock that it has not renewed for so long means that it is
 * down, and another worker takes the job within a few seconds.
 */
const lockDuration = 15_000;
const stalledInterval = 5000;
/** A job that loses more workers than this is taken for the one that kills them. */
const maxStalledCount = 8;

const clearingPause = 2000;

/** Why a job is stopped. */
export type Reason = 'cancelled' | 'handed back' | 'lost';

/** Must end soon after `signal` aborts; the signal's reason is a Reason. */
export type Handler = (job: Job, token: string, signal: AbortSignal) => Promise<unknown>;

export class Consumer {
  readonly queue: string;
  readonly #worker: Worker;
  readonly #running = new Map<string, Job>();
  #ending = false;

  constructor(
    redis: Redis,
    queue: string,
    {
      concurrency,
      handler,
      onError,
    }: { concurrency: number; handler: Handler; onError: (error: Error) => void },
  ) {
    this.queue = queue;
    this.#worker = new Worker(
      queue,
      // BullMQ passes a signal only to a function that declares three parameters.
      async (job: Job, token: string | undefined, signal: AbortSignal | undefined) =>
        this.#handle(handler, job, token!, signal!),
      {
        connection: redis,
        prefix,
        concurrency,
        lockDuration,
        stalledInterval,
        maxStalledCount,
        runRetryDelay: 1000,
      },
    );
    this.#worker.on('error', onError);
    this.#worker.on('lockRenewalFailed', (ids: string[]) => {
      for (const id of ids) this.stop(id, 'lost');
    });
  }

  get running(): Job[] {
    return [...this.#running.values()];
  }

  stop(id: string, reason: Reason): void {
    this.#worker.cancelJob(id, reason);
  }

  /** Takes no more jobs. Running jobs continue. */
  async pause(): Promise<void> {
    await this.#worker.pause(true);
  }

  async resume(): Promise<void> {
    await this.#worker.resume();
  }

  /** Takes no more jobs, for good. A job that BullMQ is fetching at this moment goes back to the queue. */
  async end(): Promise<void> {
    this.#ending = true;
    await this.pause();
  }

  /** Resolves when no job runs any more. */
  async close(): Promise<void> {
    await this.#worker.close();
  }

  /** Closes without waiting for running jobs or for Redis, which BullMQ would try to reach for ever. */
  abandon(): void {
    this.#worker.close(true).catch(() => {});
  }

  async #handle(handler: Handler, job: Job, token: string, signal: AbortSignal): Promise<unknown> {
    if (this.#ending) return await handBack(job, token);
    if (this.#running.has(job.id!)) {
      // An earlier run of the job lost its lock and is still cleaning up. BullMQ has one lock for each job, so two runs
      // must not overlap.
      return postpone(job, token, clearingPause);
    }
    this.#running.set(job.id!, job);
    try {
      return await handler(job, token, signal);
    } catch (error) {
      const isMoved =
        error instanceof DelayedError ||
        error instanceof WaitingChildrenError ||
        error instanceof WaitingError;
      if (isMoved) throw error;
      // The Redis is in trouble, which is no fault of the job: it must not count as one of its attempts.
      if (!signal.aborted && queueTrouble(error)) return await postpone(job, token, clearingPause);
      if (!signal.aborted) throw asJobError(error);
      if (signal.reason === 'handed back') return await handBack(job, token);
      throw asJobError(signal.reason === 'lost' ? lost(job) : cancelled(job));
    } finally {
      this.#running.delete(job.id!);
    }
  }
}

/** Puts the job back into the queue after a pause in milliseconds. It does not count as one of the job's attempts. */
export async function postpone(job: Job, token: string, pause: number): Promise<never> {
  await job.moveToDelayed(Date.now() + pause, token);
  throw new DelayedError();
}

/** Puts the job back into the queue as if no worker had taken it. */
async function handBack(job: Job, token: string): Promise<never> {
  await job.moveToWait(token);
  throw new WaitingError();
}

/** BullMQ stores the text of the error, and the error's class says whether to retry. */
function asJobError(error: unknown): Error {
  const failure = jobFailureOf(error);
  const text = JSON.stringify(failure);
  return errorTable[failure.code].retryable ? new Error(text) : new UnrecoverableError(text);
}
