/** Controls a running instance from outside its supervisor process. */
import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { MillinerError } from '../../lib/errors/error.ts';
import type { Reach } from '../../stages/boot/backend.ts';
import { backendOf } from '../../stages/boot/backends.ts';
import type { Context } from '../state/context.ts';
import { readInstanceLog } from './instance-log.ts';
import { findInstance, listInstances, type RunningInstance } from './instance-records.ts';

const pollMilliseconds = 50;
/** Milliseconds: no timeout. The caller ends a program earlier by the signal. */
const maxTimeout = 2 ** 31 - 1;
/** Milliseconds that a supervisor may take to clean up after a kill. */
const killTimeout = 20_000;

async function reach({ backend, container, directory }: RunningInstance): Promise<Reach> {
  return (await backendOf(backend)).reach({ id: container, directory });
}

/** Stops the given instances, or all, and kills those that exceed their timeout. Returns the stopped ones. */
export async function stopInstances(context: Context, ids: string[] | 'all'): Promise<RunningInstance[]> {
  const { state } = context;
  const wanted =
    ids === 'all' ? await listInstances(state) : await Promise.all(ids.map((id) => findInstance(state, id)));
  await Promise.all(wanted.map((one) => stopInstance(context, one)));
  return wanted;
}

/**
 * Asks the processes that supervise stacks to stop them, in the order of their services, and waits for it. Throws
 * INSTANCE_NOT_FOUND.
 */
export async function stopStacks(context: Context, names: string[] | 'all'): Promise<RunningInstance[]> {
  const running = (await listInstances(context.state)).filter(({ stack }) => stack !== undefined);
  const wanted = names === 'all' ? running : names.flatMap((name) => ofStack(running, name));
  for (const supervisor of new Set(wanted.map((one) => one.supervisor))) askToEnd(supervisor);
  const timeout = wanted.reduce((sum, { stopTimeout }) => sum + stopTimeout, killTimeout);
  const inTime = await Promise.all(wanted.map((one) => isGoneWithin(one, timeout, context.signal)));
  // Its supervisor may have been stopped itself.
  await Promise.all(wanted.filter((_, index) => !inTime[index]).map((one) => stopInstance(context, one)));
  // Then its network and its volumes.
  const places = new Set(wanted.map(({ stack }) => stack!.directory));
  await Promise.all([...places].map((directory) => isGoneWithin({ directory }, killTimeout, context.signal)));
  return wanted;
}

function ofStack(running: RunningInstance[], word: string): RunningInstance[] {
  const name = basename(word).replace(/\.stack(?:\.yaml)?$/, '');
  const found = running.filter(({ stack }) => stack?.name === name);
  if (found.length > 0) return found;
  const known = [...new Set(running.map(({ stack }) => `${stack!.name}.stack`))].join(', ') || 'none';
  throw new MillinerError('INSTANCE_NOT_FOUND', `no stack ${name} runs; there are: ${known}`);
}

function askToEnd(supervisor: number): void {
  try {
    process.kill(supervisor, 'SIGTERM');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

async function stopInstance({ progress, signal }: Context, instance: RunningInstance): Promise<void> {
  const reached = await reach(instance);
  await reached.signal(instance.stopSignal);
  if (await isGoneWithin(instance, instance.stopTimeout, signal)) return;
  progress.warn(`${instance.id} did not end within ${instance.stopTimeout / 1000} s and is killed`);
  await reached.signal('KILL');
  if (await isGoneWithin(instance, killTimeout, signal)) return;
  throw new MillinerError(
    'BUSY',
    `${instance.id} does not end: process ${instance.supervisor} supervises it`,
  );
}

/** The supervisor removes the directory last, so the instance is gone when the directory is. */
async function isGoneWithin(
  { directory }: Pick<RunningInstance, 'directory'>,
  milliseconds: number,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const end = Date.now() + milliseconds;
  while (existsSync(directory)) {
    if (Date.now() > end) return false;
    await sleep(pollMilliseconds, undefined, { signal });
  }
  return true;
}

/** Runs a program in an instance with this process's terminal or pipes. Returns its exit code. */
export async function execInInstance(
  { state, signal }: Context,
  id: string,
  args: string[],
): Promise<number> {
  return (await reach(await findInstance(state, id))).attach(args, signal);
}

/** Runs a program in an instance and returns its output: at most 16 MiB of each stream. */
export async function captureInInstance({ state, signal }: Context, id: string, args: string[]) {
  const reached = await reach(await findInstance(state, id));
  const { exitCode, stdout, stderr } = await reached.exec(args, { timeout: maxTimeout, signal });
  return { exitCode, stdout, stderr };
}

const journal = ['journalctl', '--no-pager'];

/** The journal, or the program's output for an image without one. */
export async function readLogs(context: Context, id: string): Promise<string> {
  const instance = await findInstance(context.state, id);
  if (!instance.init) return readInstanceLog(instance.directory);
  return (await captureInInstance(context, id, journal)).stdout;
}

/** Writes the log and its new lines until the instance ends or the signal aborts. */
export async function followLogs(
  { state, signal }: Context,
  id: string,
  write: (text: string) => void,
): Promise<void> {
  const instance = await findInstance(state, id);
  if (instance.init) {
    await (await reach(instance)).show([...journal, '-f'], signal);
    return;
  }
  for (
    let shown = '';
    existsSync(instance.directory);
    await sleep(pollMilliseconds * 5, undefined, { signal })
  ) {
    const text = readInstanceLog(instance.directory);
    // A rotated log begins with what was written already, or has none of it.
    write(text.startsWith(shown) ? text.slice(shown.length) : text);
    shown = text;
  }
}
