/** Control groups of containers: their limits, their counters, and the removal of groups that a killed runtime left. */
import { readdir, readFile, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { MillinerError } from '../errors/error.ts';
import { listMounts } from '../host/mounts.ts';

const attempts = 50;
const pauseMilliseconds = 20;

type Hierarchies = { target: string; controllers: Set<string>; unified: boolean }[];

/** The mounted cgroup hierarchies and the controllers of each (cgroups(7)). */
export async function hierarchies(): Promise<Hierarchies> {
  const mounted = (await listMounts()).filter(({ type }) => type === 'cgroup' || type === 'cgroup2');
  return Promise.all(
    mounted.map(async ({ target, type, options }) => {
      const unified = type === 'cgroup2';
      const list = unified ? await readFile(join(target, 'cgroup.controllers'), 'utf8') : '';
      return { target, unified, controllers: new Set(unified ? list.trim().split(' ') : options) };
    }),
  );
}

/** The mount point of the version 2 hierarchy, and whether it has the controllers. */
export async function unifiedHierarchy(): Promise<{ target: string; controls: boolean } | undefined> {
  const found = (await hierarchies()).find(({ unified }) => unified);
  return found && { target: found.target, controls: found.controllers.has('memory') };
}

/** The mount point of a version 1 hierarchy without controllers. */
export async function hierarchyOf(name: string): Promise<string | undefined> {
  return (await hierarchies()).find(({ controllers }) => controllers.has(`name=${name}`))?.target;
}

/** The controllers that a group can use. */
export async function availableControllers(): Promise<Set<string>> {
  return new Set((await hierarchies()).flatMap((one) => [...one.controllers]));
}

/** Limits and counters of a group; those that the kernel does not report are absent. */
export interface GroupState {
  memoryLimit?: number;
  pidsLimit?: number;
  /** Processors. */
  cpuLimit?: number;
  memoryPeak?: number;
  oomKills?: number;
  /** How often a fork failed because of the limit. */
  pidsRefused?: number;
  /** Processes and threads, now and at most. */
  pids?: number;
  pidsPeak?: number;
  cpuSeconds?: number;
  /** Bytes to and from disks. */
  readBytes?: number;
  writtenBytes?: number;
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
  const disks = cpu.unified
    ? await reader('io').read('', 'io.stat')
    : await reader('blkio').read('blkio.throttle.io_service_bytes_recursive', '');
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
      pids: count(await pids.read('pids.current', 'pids.current')),
      pidsPeak: count(await pids.read('pids.peak', 'pids.peak')),
      cpuSeconds: cpu.unified
        ? scaled(field(await cpu.read('', 'cpu.stat'), 'usage_usec'), 1e6)
        : scaled(count(await reader('cpuacct').read('cpuacct.usage', '')), 1e9),
      readBytes: sum(disks, /(?:\brbytes=|\bRead )(\d+)/g),
      writtenBytes: sum(disks, /(?:\bwbytes=|\bWrite )(\d+)/g),
    }).filter(([, value]) => value !== undefined),
  );
}

/** A file of a group, by its names in versions 1 and 2; undefined where the kernel has none. */
export async function readSetting(
  group: string,
  controller: string,
  names: { v1: string; v2: string },
): Promise<{ text: string; unified: boolean } | undefined> {
  const place = (await hierarchies()).find(({ controllers }) => controllers.has(controller));
  if (!place) return undefined;
  const path = join(place.target, group, place.unified ? names.v2 : names.v1);
  const text = await readFile(path, 'utf8').catch(() => undefined);
  return text === undefined ? undefined : { text: text.trim(), unified: place.unified };
}

/** Text that is not a number, such as `max`, means no limit. */
function count(text: string | undefined): number | undefined {
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}

const scaled = (value: number | undefined, unit: number) => value && Math.round((value / unit) * 1000) / 1000;

/** Of a line for each disk. */
function sum(text: string | undefined, pattern: RegExp): number | undefined {
  return text === undefined
    ? undefined
    : [...text.matchAll(pattern)].reduce((total, [, bytes]) => total + Number(bytes), 0);
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

/** Kills every process in the groups of this name, in every hierarchy, and removes them and the groups below. */
export async function removeGroups(name: string): Promise<void> {
  for (const { target } of await hierarchies()) await removeGroup(join(target, name));
}

/** The kernel may need a moment after the last process has ended before a group can be removed. */
async function removeGroup(path: string): Promise<void> {
  for (let attempt = 0; attempt < attempts; attempt++) {
    const pids = await readFile(join(path, 'cgroup.procs'), 'utf8').catch(() => undefined);
    if (pids === undefined) return;
    for (const pid of pids.split('\n').filter(Boolean)) kill(Number(pid));
    // Another command may remove the same group.
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
