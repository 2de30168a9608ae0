/** Runs a job in a process of its own. Heavy work in the worker's process would delay the renewal of its locks. */
import { extname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { MillinerError } from '../lib/errors/error.ts';
import { errorFrom, type Failure } from '../lib/errors/wire.ts';
import { killGroup, startModule } from '../lib/host/exec.ts';
import { LineSplitter } from '../lib/host/lines.ts';
import { removeDeadWorkspaces } from '../pipeline/state/workspace.ts';
import type { Stage } from './job.ts';
import type { Lease, Order, JobMessage } from './messages.ts';
import type { Results } from './stage-work.ts';

export interface TaskHooks {
  /** Called with each line of the job's log. */
  onStep: (text: string, level: 'info' | 'warn') => void;
  onUpdate: (text: string, done: number, total: number) => void;
  /** Requests a lease, before each change that others can see. */
  requestLease: () => Promise<Lease>;
}

/** Time for a job to end its containers and unmount its file systems. */
const graceMilliseconds = 30_000;
const maxStderrLines = 20;
const child = join(import.meta.dirname, `job-process${extname(import.meta.filename)}`);

/** Returns the stage's result. Throws the stage's error; INTERRUPTED after `signal`; WORKER_DIED. */
export async function runTask(order: Order, hooks: TaskHooks, signal: AbortSignal): Promise<Results[Stage]> {
  signal.throwIfAborted();
  const task = startModule(child);
  const stderrLines: string[] = [];
  const lines = new LineSplitter((line) => stderrLines.push(line) > maxStderrLines && stderrLines.shift());
  task.stderr?.on('data', (chunk: Buffer) => lines.push(chunk));
  const ended = endOf(task);
  let outcome: { result: Results[Stage] } | { failure: Failure } | undefined;
  task.on('message', (message) => {
    const one = message as JobMessage;
    if ('step' in one) hooks.onStep(one.step, 'info');
    else if ('warn' in one) hooks.onStep(one.warn, 'warn');
    else if ('update' in one) hooks.onUpdate(one.update.text, one.update.done, one.update.total);
    else if ('ask' in one) void answer(task, hooks);
    else outcome = one;
  });
  task.send({ order });
  const stop = () => void terminate(task);
  signal.addEventListener('abort', stop);
  try {
    const how = await ended;
    if (outcome && 'result' in outcome) return outcome.result;
    if (outcome) throw errorFrom(outcome.failure);
    // The process did not clean up its mounts and child processes.
    if (task.pid !== undefined) killGroup(task.pid);
    await removeDeadWorkspaces(order.state);
    if (signal.aborted) throw new MillinerError('INTERRUPTED', 'the process of the job was ended');
    throw workerDied(how, stderrLines);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

type Task = ReturnType<typeof startModule>;

/**
 * Resolves with the exit code or signal. Waits for the end of all channels, because `exit` may come before the last
 * message.
 */
function endOf(task: Task): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  task.once('close', (code, signal) => resolve(signal ?? `exit code ${code}`));
  // A process that cannot be started has no `close`. A message to one that has just ended fails too, and its `close`
  // says more.
  task.on('error', (error) => task.pid === undefined && resolve(error.message));
  return promise;
}

async function answer(task: Task, { requestLease }: TaskHooks): Promise<void> {
  const grant = await requestLease();
  if (task.connected) task.send({ grant });
}

async function terminate(task: Task): Promise<void> {
  task.kill('SIGTERM');
  await sleep(graceMilliseconds, undefined, { ref: false });
  // Kill its children too: they are in its session.
  if (task.exitCode === null && task.signalCode === null && task.pid !== undefined) killGroup(task.pid);
}

function workerDied(how: string, stderrLines: string[]): MillinerError {
  const said = stderrLines.length > 0 ? `: ${stderrLines.join('\n')}` : '';
  return new MillinerError('WORKER_DIED', `the process of the job ended with ${how}${said}`);
}
