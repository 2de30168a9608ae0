/** Runs a job in a process of its own. Heavy work in the worker's process would delay the renewal of its locks. */
import { setTimeout as sleep } from 'node:timers/promises';
import { MillinerError } from '../lib/errors/error.ts';
import { errorFrom, type Failure } from '../lib/errors/wire.ts';
import { killGroup } from '../lib/host/exec.ts';
import { removeDeadWorkspaces } from '../pipeline/state/workspace.ts';
import { groupOf, type JobPool, type JobProcess } from './job-pool.ts';
import type { Stage } from './job.ts';
import type { Lease, Order, Question } from './messages.ts';
import type { Results } from './stage-work.ts';

export interface TaskHooks {
  /** Called with each line of the job's log. */
  onStep: (text: string, level: 'info' | 'warn') => void;
  onUpdate: (text: string, done: number, total: number) => void;
  /** Requests a lease, before each change that others can see. */
  requestLease: () => Promise<Lease>;
  /** Password of the order's private key. */
  password: () => string | undefined;
}

/** Time for a job to end its containers and unmount its file systems. */
const graceMilliseconds = 30_000;

/** Returns the stage's result. Throws the stage's error; INTERRUPTED after `signal`; WORKER_DIED. */
export async function runTask(
  pool: JobPool,
  order: Order,
  hooks: TaskHooks,
  signal: AbortSignal,
): Promise<Results[Stage]> {
  signal.throwIfAborted();
  const task = pool.take(groupOf(order.job));
  const stop = () => void terminate(task);
  signal.addEventListener('abort', stop);
  try {
    const { outcome, how, hasSecret } = await converse(task, order, hooks);
    // What has had the password ends, so that the password stays in memory no longer than its job.
    if (how === undefined && (hasSecret || signal.aborted)) task.terminate();
    else if (how === undefined) pool.giveBack(task);
    if (hasSecret) await task.ended;
    if (outcome && 'result' in outcome) return outcome.result;
    if (outcome) throw errorFrom(outcome.failure);
    // The process did not clean up its mounts and child processes.
    if (task.pid !== undefined) killGroup(task.pid);
    await removeDeadWorkspaces(order.state);
    if (signal.aborted) throw new MillinerError('INTERRUPTED', 'the process of the job was ended');
    throw workerDied(how ?? 'no result', task.stderrLines);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

interface Conversation {
  outcome?: { result: Results[Stage] } | { failure: Failure };
  /** Exit code or signal of the process; absent where it waits for another job. */
  how?: string;
  /** Whether it was given the password. */
  hasSecret: boolean;
}

/** Ends when the process has ended, or can take another job. */
async function converse(task: JobProcess, order: Order, hooks: TaskHooks): Promise<Conversation> {
  const said: Conversation = { hasSecret: false };
  const idle = Promise.withResolvers<undefined>();
  task.beginJob((message) => {
    if ('step' in message) hooks.onStep(message.step, 'info');
    else if ('warn' in message) hooks.onStep(message.warn, 'warn');
    else if ('update' in message)
      hooks.onUpdate(message.update.text, message.update.done, message.update.total);
    else if ('idle' in message) idle.resolve(undefined);
    else if (!('ask' in message)) said.outcome = message;
    else {
      said.hasSecret ||= message.ask === 'password';
      void answer(task, message, hooks);
    }
  });
  task.send({ order });
  const how = await Promise.race([task.ended, idle.promise]);
  return { ...said, ...(how !== undefined && { how }) };
}

async function answer(task: JobProcess, { ask, number: to }: Question, hooks: TaskHooks): Promise<void> {
  if (ask === 'lease') task.send({ answer: { to, lease: await hooks.requestLease() } });
  else task.send({ answer: { to, password: hooks.password() } });
}

async function terminate(task: JobProcess): Promise<void> {
  task.terminate();
  await sleep(graceMilliseconds, undefined, { ref: false });
  // Kill its children too: they are in its session.
  if (!task.isOver && task.pid !== undefined) killGroup(task.pid);
}

function workerDied(how: string, stderrLines: readonly string[]): MillinerError {
  const said = stderrLines.length > 0 ? `: ${stderrLines.join('\n')}` : '';
  return new MillinerError('WORKER_DIED', `the process of the job ended with ${how}${said}`);
}
