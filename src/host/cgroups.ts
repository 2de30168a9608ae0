/** Control groups of containers: what a runtime leaves that was killed before it wrote down what it had made. */
import { readFile, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { MillinerError } from '../errors.ts';
import { listMounts } from './mounts.ts';

const attempts = 50;
const pauseMilliseconds = 20;

/** Ends every process in the groups of this name, in every hierarchy, and removes them. */
export async function removeGroups(name: string): Promise<void> {
  const hierarchies = (await listMounts()).filter(({ type }) => type === 'cgroup' || type === 'cgroup2');
  for (const { target } of hierarchies) await removeGroup(join(target, name));
}

/** A group goes once its processes are gone, which the kernel may take a moment for. */
async function removeGroup(path: string): Promise<void> {
  for (let attempt = 0; attempt < attempts; attempt++) {
    const pids = await readFile(join(path, 'cgroup.procs'), 'utf8').catch(() => undefined);
    if (pids === undefined) return;
    for (const pid of pids.split('\n').filter(Boolean)) kill(Number(pid));
    if (await rmdir(path).then(() => true, isGone)) return;
    await sleep(pauseMilliseconds);
  }
  throw new MillinerError('BUSY', `the control group ${path} does not empty`, { details: { path } });
}

function isGone(error: NodeJS.ErrnoException): boolean {
  if (error.code === 'ENOENT') return true;
  if (error.code === 'EBUSY') return false;
  throw error;
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
