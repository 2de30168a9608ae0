/** What a piece of work has left in this process: open files and connections, child processes, changed settings. */
import { readdir, readFile, readlink } from 'node:fs/promises';

/** Descriptors of Node and of libuv's threads, which come and go with their first use. */
const harmless = /^(?:anon_inode:|pipe:|\/dev\/null$|\/dev\/urandom$)/;

export interface ProcessRecord {
  descriptors: ReadonlyMap<string, string>;
  workingDirectory: string;
  environment: string;
}

export async function recordProcess(): Promise<ProcessRecord> {
  return {
    descriptors: await openDescriptors(),
    workingDirectory: process.cwd(),
    environment: JSON.stringify(process.env),
  };
}

/** What is there now and was not there before, in words for a log; empty if there is nothing. */
export async function remainsSince(before: ProcessRecord): Promise<string[]> {
  const now = await recordProcess();
  const opened = [...now.descriptors]
    .filter(([number, target]) => before.descriptors.get(number) !== target && !harmless.test(target))
    .map(([number, target]) => `descriptor ${number}: ${target}`);
  const children = (await childProcesses()).map((pid) => `process ${pid}`);
  const moved = now.workingDirectory === before.workingDirectory ? [] : ['another working directory'];
  const changed = now.environment === before.environment ? [] : ['another environment'];
  return [...opened, ...children, ...moved, ...changed];
}

async function openDescriptors(): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const number of await readdir('/proc/self/fd')) {
    // The descriptor of the listing itself is closed by now.
    const target = await readlink(`/proc/self/fd/${number}`).catch(() => undefined);
    if (target !== undefined) found.set(number, target);
  }
  return found;
}

/** proc_pid_task(5): a thread's list has the children that it has started. */
async function childProcesses(): Promise<string[]> {
  const children: string[] = [];
  for (const thread of await readdir('/proc/self/task')) {
    const list = await readFile(`/proc/self/task/${thread}/children`, 'utf8').catch(() => '');
    children.push(...list.split(' ').filter((pid) => pid !== ''));
  }
  return children;
}
