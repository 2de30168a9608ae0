/** What the control group of an instance counts (kernel: cgroup-v1/, cgroup-v2.rst). */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { listMounts } from '../../src/lib/host/mounts.ts';
import { groupSeconds } from './processor-group.ts';

async function placeOf(controller: string, group: string) {
  const mounted = await listMounts();
  const first = mounted.find(({ type, options }) => type === 'cgroup' && options.includes(controller));
  const found = first ?? mounted.find(({ type }) => type === 'cgroup2');
  if (!found) throw new Error(`no hierarchy has the controller ${controller}`);
  return { path: join(found.target, group), unified: found.type === 'cgroup2' };
}

/** Seconds of all its processes so far. */
export async function processorSeconds(group: string): Promise<number> {
  return groupSeconds((await placeOf('cpuacct', group)).path);
}

export async function processesIn(group: string): Promise<number> {
  const { path } = await placeOf('pids', group);
  const names = await readdir(path, { recursive: true });
  const lists = names.filter((name) => name.endsWith('cgroup.procs')).map((name) => join(path, name));
  const texts = await Promise.all(lists.map((list) => readFile(list, 'utf8').catch(() => '')));
  return texts.flatMap((text) => text.split('\n').filter(Boolean)).length;
}

/** Of the device that it has used most: what goes through a loop device is counted below it too. */
export async function blockBytes(group: string, what: 'read' | 'write'): Promise<number> {
  const { path, unified } = await placeOf('blkio', join(group, 'instance'));
  const text = await readFile(join(path, unified ? 'io.stat' : 'blkio.throttle.io_service_bytes'), 'utf8');
  const [v1, v2] = what === 'read' ? ['Read', 'rbytes'] : ['Write', 'wbytes'];
  const counts = text.matchAll(
    unified ? new RegExp(`\\b${v2}=(\\d+)`, 'g') : new RegExp(`${v1} (\\d+)`, 'g'),
  );
  return Math.max(0, ...[...counts].map(([, count]) => Number(count)));
}
