/** Finds the first process of a container by its control group: another command has no record of its number. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { enterPath } from '../../host/native.ts';
import { hierarchies } from '../cgroups.ts';

/** Host process ID; undefined if there is none. */
export async function firstProcessIn(id: string): Promise<number | undefined> {
  const place = (await hierarchies()).find(({ controllers }) => controllers.has('pids'));
  return place && firstBelow(join(place.target, id));
}

/** Its program, too: milliner-enter before that of the image. */
export async function firstProgramIn(id: string): Promise<{ pid: number; isEntering: boolean } | undefined> {
  const pid = await firstProcessIn(id);
  if (pid === undefined) return undefined;
  const [program, enter] = await Promise.all([
    stat(`/proc/${pid}/exe`).catch(() => undefined),
    stat(enterPath),
  ]);
  return program && { pid, isEntering: program.ino === enter.ino && program.dev === enter.dev };
}

async function firstBelow(group: string): Promise<number | undefined> {
  const pids = await readFile(join(group, 'cgroup.procs'), 'utf8').catch(() => '');
  for (const pid of pids.split('\n').filter(Boolean)) {
    if (await isFirst(pid)) return Number(pid);
  }
  // In version 2 systemd puts itself into a group below.
  const below = await readdir(group, { withFileTypes: true }).catch(() => []);
  for (const one of below) {
    const found = one.isDirectory() ? await firstBelow(join(group, one.name)) : undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}

/** proc_pid_status(5), NSpid: its number in each namespace, ours first. */
async function isFirst(pid: string): Promise<boolean> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return /^NSpid:(?:\t\d+)+\t1$/m.test(status) && !/^State:\t[ZX]/m.test(status);
}
