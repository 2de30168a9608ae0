/** Takes the jobs of one queue: BullMQ's worker, with reasons for stopping a job and errors that say whether to try again. */
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
import { cancelled, lost } from './fence.ts';
import { jobFailureOf } from './job.ts';
import { prefix } from './queues.ts';
import { queueTrouble } from './replies.ts';

/**
 * Milliseconds. Workers do nothing heavy themselves, so that a lock which was not renewed for so long means that its
 * worker is away; another takes the job within a few seconds then.
 */
const lockDuration = 15_000;
const stalledInterval = 5000;
/** A job may lose so many workers before it counts as what kills them. */
const maxStalledCount = 8;

const clearingPause = 2000;

/** Why a job is stopped. */
export type Reason = 'cancelled' | 'handed back' | 'lost';

/** With leave to end at `signal`, whose reason is a Reason. */
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
      // BullMQ counts the parameters to tell whether a signal is wanted.
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

  /** Takes no more; what runs goes on. */
  async pause(): Promise<void> {
    await this.#worker.pause(true);
  }

  async resume(): Promise<void> {
    await this.#worker.resume();
  }

  /** For good. One that BullMQ is fetching at this very moment goes back. */
  async end(): Promise<void> {
    this.#ending = true;
    await this.pause();
  }

  /** When nothing runs any more. */
  async close(): Promise<void> {
    await this.#worker.close();
  }

  /** For good, whatever it still waits for: it would try for ever to reach its Redis. */
  abandon(): void {
    this.#worker.close(true).catch(() => {});
  }

  async #handle(handler: Handler, job: Job, token: string, signal: AbortSignal): Promise<unknown> {
    if (this.#ending) return await handBack(job, token);
    if (this.#running.has(job.id!)) {
      // An earlier run of it was lost, and still clears up. BullMQ keeps one lock for each job: they must not overlap.
      return delay(job, token);
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
      // No fault of the job: it does not count as one of its attempts.
      if (!signal.aborted && queueTrouble(error)) return await delay(job, token);
      if (!signal.aborted) throw asJobError(error);
      if (signal.reason === 'handed back') return await handBack(job, token);
      throw asJobError(signal.reason === 'lost' ? lost(job) : cancelled(job));
    } finally {
      this.#running.delete(job.id!);
    }
  }
}

/** For a while. */
async function delay(job: Job, token: string): Promise<never> {
  await job.moveToDelayed(Date.now() + clearingPause, token);
  throw new DelayedError();
}

/** As if nobody had taken it. */
async function handBack(job: Job, token: string): Promise<never> {
  await job.moveToWait(token);
  throw new WaitingError();
}

/** As BullMQ keeps it: a text, and whether to try again. */
function asJobError(error: unknown): Error {
  const failure = jobFailureOf(error);
  const text = JSON.stringify(failure);
  return errorTable[failure.code].retryable ? new Error(text) : new UnrecoverableError(text);
}
