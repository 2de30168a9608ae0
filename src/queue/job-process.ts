/**
 * The process of one job. Its worker sends the order and answers requests for a lease to publish; the process sends
 * back its progress and its result. When the worker dies, it rolls back what it has begun.
 */
import { MillinerError } from '../lib/errors/error.ts';
import { errorFrom } from '../lib/errors/wire.ts';
import { asStorageError } from '../lib/host/files.ts';
import type { Progress } from '../lib/host/progress.ts';
import { openExchange } from '../pipeline/state/blob-exchange.ts';
import { withContext } from '../pipeline/state/context.ts';
import { jobFailureOf } from './job.ts';
import { millisecondsTo, type Deadline, type Lease, type Order, type JobMessage } from './messages.ts';
import { work } from './stages.ts';

const stop = new AbortController();
const interrupt = (reason: string) => stop.abort(new MillinerError('INTERRUPTED', reason));
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
  process.on(signal, () => interrupt(`stopped by ${signal}`));
}
process.on('disconnect', () => interrupt('the worker of the job has ended'));

let onLease: ((grant: Lease) => void) | undefined;
process.on('message', (message: { order: Order } | { grant: Lease }) => {
  if ('grant' in message) onLease?.(message.grant);
  else void obey(message.order);
});

function tell(told: JobMessage): Promise<void> {
  // The worker has gone, so there is no process to tell.
  if (!process.connected) return Promise.resolve();
  return new Promise((done) => process.send?.(told, undefined, undefined, () => done()) ?? done());
}

const updateMilliseconds = 500;
let updated = 0;

const progress: Progress = {
  step: (step) => void tell({ step }),
  warn: (warn) => void tell({ warn }),
  update: (text, done, total) => {
    const now = Date.now();
    if (now - updated < updateMilliseconds && done < total) return;
    updated = now;
    void tell({ update: { text, done, total } });
  },
};

async function obey({ job, state, storage, allowHostRoot, password, keyPath }: Order): Promise<void> {
  try {
    const { exchange, plainHttp } = job.data;
    const options = { state, storage, allowHostRoot, progress, signal: stop.signal };
    await withContext(options, async (context) => {
      const place =
        exchange === undefined ? undefined : await openExchange(exchange, { ...context, plainHttp });
      const grants = { acquireLease, password, keyPath };
      const result = await work[job.stage]({ ...context, exchange: place }, job, grants);
      await tell({ result });
    });
  } catch (error) {
    const { path = state } = error as NodeJS.ErrnoException;
    await tell({
      failure: jobFailureOf(stop.signal.aborted ? stop.signal.reason : asStorageError(error, path)),
    });
  }
  // An open connection or timer would keep the process alive.
  process.exit(0);
}

let leaseEnd: Deadline = { monotonic: 0, wall: 0 };

/**
 * Returns a signal that aborts when the lease ends. A new lease is requested from the worker, which requests it from
 * the queue, unless the current one still lasts. It is counted from the time of the request, so that a pause of this
 * process does not lengthen it. A worker that is itself stopped does not answer, and nothing is published.
 */
async function acquireLease(): Promise<AbortSignal> {
  while (millisecondsTo(leaseEnd) <= 0) {
    const grant = await requestLease();
    if ('refused' in grant) throw errorFrom(grant.refused);
    leaseEnd = grant.until;
  }
  return AbortSignal.timeout(Math.max(0, millisecondsTo(leaseEnd)));
}

async function requestLease(): Promise<Lease> {
  stop.signal.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<Lease>();
  const onStop = () => reject(stop.signal.reason as Error);
  stop.signal.addEventListener('abort', onStop, { once: true });
  onLease = resolve;
  try {
    await tell({ ask: true });
    return await promise;
  } finally {
    stop.signal.removeEventListener('abort', onStop);
  }
}
