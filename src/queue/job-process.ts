/**
 * The process of a job. Its worker sends the order and answers requests; the process sends back its progress and its
 * result. When the worker dies, it rolls back what it has begun. A process whose job has ended well, and that has left
 * nothing behind, takes another one; any other one ends.
 */
import { MillinerError } from '../lib/errors/error.ts';
import { asStorageError } from '../lib/host/files.ts';
import { forgetJob } from '../lib/host/process-memory.ts';
import { recordProcess, remainsSince } from '../lib/host/process-remains.ts';
import type { Progress } from '../lib/host/progress.ts';
import { openExchange } from '../pipeline/state/blob-exchange.ts';
import { withContext } from '../pipeline/state/context.ts';
import { jobFailureOf } from './job.ts';
import type { JobMessage, Order, WorkerMessage } from './messages.ts';
import { work } from './stages.ts';
import { WorkerQuestions } from './worker-questions.ts';

/** A process that has become larger than this is not used again. */
const maxResidentBytes = 400 * 1024 * 1024;

interface Running {
  stop: AbortController;
  questions: WorkerQuestions;
}

let running: Running | undefined;
const atStart = recordProcess();

function interrupt(reason: string): void {
  if (running) running.stop.abort(new MillinerError('INTERRUPTED', reason));
  else process.exit(0);
}
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
  process.on(signal, () => interrupt(`stopped by ${signal}`));
}
process.on('disconnect', () => interrupt('the worker of the job has ended'));
process.on('message', (message: WorkerMessage) => {
  if ('answer' in message) running?.questions.onAnswer(message.answer);
  else void obey(message.order);
});

async function obey(order: Order): Promise<void> {
  const stop = new AbortController();
  running = { stop, questions: new WorkerQuestions(tell, stop.signal) };
  const hasEnded = await carryOut(order, running);
  if (hasEnded && (await isFit(stop.signal))) {
    running = undefined;
    // The worker has ended while the job did, so no order will come.
    if (process.connected) return tell({ idle: true });
  }
  // An open connection or timer would keep the process alive.
  process.exit(0);
}

/** Whether it has ended well. */
async function carryOut({ job, state, storage, allowHostRoot, signer }: Order, { stop, questions }: Running) {
  try {
    const { exchange, plainHttp } = job.data;
    const options = { state, storage, allowHostRoot, progress: progressTo(tell), signal: stop.signal };
    await withContext(options, async (context) => {
      const place =
        exchange === undefined ? undefined : await openExchange(exchange, { ...context, plainHttp });
      const { acquireLease, requestPassword } = questions;
      const grants = { acquireLease, requestPassword, signer };
      const result = await work[job.stage]({ ...context, exchange: place }, job, grants);
      await tell({ result });
    });
    return true;
  } catch (error) {
    const { path = state } = error as NodeJS.ErrnoException;
    const cause: unknown = stop.signal.aborted ? stop.signal.reason : asStorageError(error, path);
    await tell({ failure: jobFailureOf(cause) });
    return false;
  }
}

async function isFit(signal: AbortSignal): Promise<boolean> {
  await forgetJob();
  if (signal.aborted || process.memoryUsage.rss() > maxResidentBytes) return false;
  return (await remainsSince(await atStart)).length === 0;
}

function tell(told: JobMessage): Promise<void> {
  // The worker has gone, so there is no process to tell.
  if (!process.connected) return Promise.resolve();
  return new Promise((done) => process.send?.(told, undefined, undefined, () => done()) ?? done());
}

const updateMilliseconds = 500;

function progressTo(report: (told: JobMessage) => Promise<void>): Progress {
  let updated = 0;
  return {
    step: (step) => void report({ step }),
    warn: (warn) => void report({ warn }),
    update: (text, done, total) => {
      const now = Date.now();
      if (now - updated < updateMilliseconds && done < total) return;
      updated = now;
      void report({ update: { text, done, total } });
    },
  };
}
