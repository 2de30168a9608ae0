/** Control groups of containers: what they are held to, what they took, and the removal of what a killed runtime leaves. */
import { readdir, readFile, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { MillinerError } from '../errors/error.ts';
import { listMounts } from '../host/mounts.ts';

const attempts = 50;
const pauseMilliseconds = 20;

type Hierarchies = { target: string; controllers: Set<string>; unified: boolean }[];

/** Where control groups are mounted here, and what each place controls (cgroups(7)). */
async function hierarchies(): Promise<Hierarchies> {
  const mounted = (await listMounts()).filter(({ type }) => type === 'cgroup' || type === 'cgroup2');
  return Promise.all(
    mounted.map(async ({ target, type, options }) => {
      const unified = type === 'cgroup2';
      const list = unified ? await readFile(join(target, 'cgroup.controllers'), 'utf8') : '';
      return { target, unified, controllers: new Set(unified ? list.trim().split(' ') : options) };
    }),
  );
}

/** Where the version 2 hierarchy is mounted, and whether it is the one that has the controllers. */
export async function unifiedHierarchy(): Promise<{ target: string; controls: boolean } | undefined> {
  const found = (await hierarchies()).find(({ unified }) => unified);
  return found && { target: found.target, controls: found.controllers.has('memory') };
}

/** Where a version 1 hierarchy without controllers is mounted. */
export async function namedHierarchy(name: string): Promise<string | undefined> {
  return (await hierarchies()).find(({ controllers }) => controllers.has(`name=${name}`))?.target;
}

/** Every controller that a group can be made in. */
export async function availableControllers(): Promise<Set<string>> {
  return new Set((await hierarchies()).flatMap((one) => [...one.controllers]));
}

/** What the kernel holds a group to, and what it has counted; what it does not know is left out. */
export interface GroupState {
  memoryLimit?: number;
  pidsLimit?: number;
  /** Processors. */
  cpuLimit?: number;
  memoryPeak?: number;
  oomKills?: number;
  /** How often a process was refused because of the limit. */
  pidsRefused?: number;
}

/** Reads the group of this name in the hierarchies of memory, pids and cpu (kernel: cgroup-v1/, cgroup-v2.rst). */
export async function readGroup(name: string): Promise<GroupState> {
  const all = await hierarchies();
  const reader = (controller: string) => {
    const place = all.find(({ controllers }) => controllers.has(controller));
    const read = async (v1: string, v2: string) =>
      place &&
      readFile(join(place.target, name, place.unified ? v2 : v1), 'utf8').then(
        (text) => text.trim(),
        () => undefined,
      );
    return { read, unified: place?.unified ?? false };
  };
  const [memory, pids, cpu] = [reader('memory'), reader('pids'), reader('cpu')];
  return Object.fromEntries(
    Object.entries({
      memoryLimit: count(await memory.read('memory.limit_in_bytes', 'memory.max')),
      pidsLimit: count(await pids.read('pids.max', 'pids.max')),
      cpuLimit: cpu.unified
        ? quota(...words(await cpu.read('', 'cpu.max')))
        : quota(await cpu.read('cpu.cfs_quota_us', ''), await cpu.read('cpu.cfs_period_us', '')),
      memoryPeak: count(await memory.read('memory.max_usage_in_bytes', 'memory.peak')),
      oomKills: field(await memory.read('memory.oom_control', 'memory.events'), 'oom_kill'),
      pidsRefused: field(await pids.read('pids.events', 'pids.events'), 'max'),
    }).filter(([, value]) => value !== undefined),
  );
}

/** `max` and whatever else is no number is no limit. */
function count(text: string | undefined): number | undefined {
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}

function quota(used?: string, period?: string): number | undefined {
  const [limit, each] = [count(used), count(period)];
  return limit === undefined || each === undefined ? undefined : limit / each;
}

function words(text: string | undefined): string[] {
  return text?.split(' ') ?? [];
}

function field(text: string | undefined, name: string): number | undefined {
  return count(new RegExp(`^${name} (\\d+)$`, 'm').exec(text ?? '')?.[1]);
}

/** Ends every process in the groups of this name, in every hierarchy, and removes them with what is below them. */
export async function removeGroups(name: string): Promise<void> {
  for (const { target } of await hierarchies()) await removeGroup(join(target, name));
}

/** A group goes once its processes and the groups below it are gone, which the kernel may take a moment for. */
async function removeGroup(path: string): Promise<void> {
  for (let attempt = 0; attempt < attempts; attempt++) {
    const pids = await readFile(join(path, 'cgroup.procs'), 'utf8').catch(() => undefined);
    if (pids === undefined) return;
    for (const pid of pids.split('\n').filter(Boolean)) kill(Number(pid));
    // Another command may be removing the same.
    for (const below of await readdir(path, { withFileTypes: true }).catch(() => [])) {
      if (below.isDirectory()) await removeGroup(join(path, below.name));
    }
    if (await rmdir(path).then(() => true, isNotFound)) return;
    await sleep(pauseMilliseconds);
  }
  throw new MillinerError('BUSY', `processes stay in the control group ${path}`, { details: { path } });
}

function isNotFound(error: NodeJS.ErrnoException): boolean {
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
