/** Control groups that Milliner makes itself, for a program that no runtime starts. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hierarchies } from './cgroups.ts';

/** Memory in bytes, cpus in processors. */
export interface GroupLimits {
  memory: number;
  pids: number;
  cpus: number | undefined;
}

const period = 100_000;
const controllers = ['memory', 'pids', 'cpu'] as const;

/** Makes the group in each hierarchy that has one of the controllers. checkControllers tells before what is missing. */
export async function makeGroups(name: string, { memory, pids, cpus }: GroupLimits): Promise<void> {
  const quota = cpus === undefined ? undefined : Math.round(cpus * period);
  for (const place of await placesOf(name)) {
    if (place.unified) await enableBelow(place.target, place.own);
    await mkdir(place.path, { recursive: true });
    const set = async (controller: (typeof controllers)[number], file: string, value: string) => {
      if (place.own.includes(controller)) await writeFile(join(place.path, file), value);
    };
    await set('pids', 'pids.max', String(pids));
    await set('memory', place.unified ? 'memory.max' : 'memory.limit_in_bytes', String(memory));
    if (quota === undefined) continue;
    if (place.unified) await set('cpu', 'cpu.max', `${quota} ${period}`);
    else await set('cpu', 'cpu.cfs_quota_us', String(quota));
  }
}

/** Moves a process, and all that it starts from then on. */
export async function moveToGroups(name: string, pid: number): Promise<void> {
  for (const { path } of await placesOf(name)) await writeFile(join(path, 'cgroup.procs'), String(pid));
}

async function placesOf(name: string) {
  return (await hierarchies()).flatMap((one) => {
    const own = controllers.filter((controller) => one.controllers.has(controller));
    return own.length === 0 ? [] : [{ ...one, own, path: join(one.target, name) }];
  });
}

/** cgroup-v2.rst, "Enabling and Disabling": a group's children have what it enables. */
async function enableBelow(root: string, wanted: readonly string[]): Promise<void> {
  const enabled = (await readFile(join(root, 'cgroup.subtree_control'), 'utf8')).trim().split(' ');
  const missing = wanted.filter((one) => !enabled.includes(one));
  if (missing.length === 0) return;
  await writeFile(join(root, 'cgroup.subtree_control'), missing.map((one) => `+${one}`).join(' '));
}
