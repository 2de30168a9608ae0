/** What can be done with a running instance from outside of the process that looks after it. */
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  attachToContainer,
  execInContainer,
  showFromContainer,
  signalContainer,
  type Container,
} from '../../lib/container/runtime.ts';
import { MillinerError } from '../../lib/errors/error.ts';
import type { Context } from '../state/context.ts';
import { readInstanceLog } from './instance-log.ts';
import { findInstance, listInstances, type RunningInstance } from './instance-records.ts';

const pollMilliseconds = 50;
/** Milliseconds; whoever wants to end a program earlier stops us. */
const longest = 2 ** 31 - 1;
/** Milliseconds between a kill and the last trace of an instance. */
const patience = 20_000;

const containerOf = ({ container, directory }: RunningInstance): Container => ({ id: container, directory });

/** Asks the named instances to end, or all; kills those that take too long. Gives those that were stopped. */
export async function stopInstances(context: Context, ids: string[] | 'all'): Promise<RunningInstance[]> {
  const { state } = context;
  const wanted =
    ids === 'all' ? await listInstances(state) : await Promise.all(ids.map((id) => findInstance(state, id)));
  await Promise.all(wanted.map((one) => stopInstance(context, one)));
  return wanted;
}

async function stopInstance({ progress, signal }: Context, instance: RunningInstance): Promise<void> {
  await signalContainer(containerOf(instance), instance.stopSignal);
  if (await isGoneWithin(instance, instance.stopTimeout, signal)) return;
  progress.warn(`${instance.id} did not end within ${instance.stopTimeout / 1000} s and is killed`);
  await signalContainer(containerOf(instance), 'KILL');
  if (await isGoneWithin(instance, patience, signal)) return;
  throw new MillinerError(
    'BUSY',
    `${instance.id} does not end: process ${instance.supervisor} supervises it`,
  );
}

/** Whoever looks after it removes its directory last. */
async function isGoneWithin(
  { directory }: RunningInstance,
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

/** Runs a program in an instance with our own terminal or pipes; gives its exit code. */
export async function execInInstance(
  { state, signal }: Context,
  id: string,
  args: string[],
): Promise<number> {
  return attachToContainer(containerOf(await findInstance(state, id)), args, signal);
}

/** The same, with what it wrote as an answer: at most 16 MiB of each. */
export async function captureInInstance({ state, signal }: Context, id: string, args: string[]) {
  const container = containerOf(await findInstance(state, id));
  const { exitCode, stdout, stderr } = await execInContainer(container, args, { timeout: longest, signal });
  return { exitCode, stdout, stderr };
}

const journal = ['journalctl', '--no-pager'];

/** The journal of an image that has one; otherwise what its program wrote. */
export async function readLogs(context: Context, id: string): Promise<string> {
  const instance = await findInstance(context.state, id);
  if (!instance.init) return readInstanceLog(instance.directory);
  return (await captureInInstance(context, id, journal)).stdout;
}

/** Shows the same, and what is added to it, until the instance ends or we are stopped. */
export async function followLogs(
  { state, signal }: Context,
  id: string,
  write: (text: string) => void,
): Promise<void> {
  const instance = await findInstance(state, id);
  if (instance.init) {
    await showFromContainer(containerOf(instance), [...journal, '-f'], signal);
    return;
  }
  for (
    let shown = '';
    existsSync(instance.directory);
    await sleep(pollMilliseconds * 5, undefined, { signal })
  ) {
    const text = readInstanceLog(instance.directory);
    // A log that has been turned over begins with what was shown before, or with none of it.
    write(text.startsWith(shown) ? text.slice(shown.length) : text);
    shown = text;
  }
}
