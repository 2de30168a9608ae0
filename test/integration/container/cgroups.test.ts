import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { start } from '../../../src/lib/host/exec.ts';
import { listMounts } from '../../../src/lib/host/mounts.ts';
import { availableControllers, readGroup, removeGroups } from '../../../src/lib/container/cgroups.ts';

let name: string;
beforeEach(() => {
  name = `milliner-test-${randomBytes(8).toString('hex')}`;
});
afterEach(() => removeGroups(name));

interface Place {
  /** The group's directory. */
  path: string;
  unified: boolean;
}

/** Where a group of the name has this controller. */
async function placeOf(controller: string): Promise<Place> {
  for (const { target, type, options } of await listMounts()) {
    const unified = type === 'cgroup2';
    const has = unified
      ? (await readFile(join(target, 'cgroup.controllers'), 'utf8')).trim().split(' ')
      : options;
    if (type.startsWith('cgroup') && has.includes(controller)) return { path: join(target, name), unified };
  }
  throw new Error(`no controller ${controller}`);
}

async function group(controller: string): Promise<Place> {
  const place = await placeOf(controller);
  await mkdir(place.path, { recursive: true });
  return place;
}

const set = (place: Place, v1: string, v2: string, value: string) =>
  writeFile(join(place.path, place.unified ? v2 : v1), value);

test('this host has what limits are made of', async () => {
  const controllers = await availableControllers();
  for (const one of ['memory', 'pids', 'cpu']) expect(controllers).toContain(one);
});

test('a group that is not there says nothing', async () => {
  expect(await readGroup(name)).toEqual({});
  await removeGroups(name);
});

test('limits are read back as they were set; none is none', async () => {
  const [memory, pids, cpu] = await Promise.all(['memory', 'pids', 'cpu'].map(group));
  const unlimited = await readGroup(name);
  expect(unlimited.pidsLimit).toBeUndefined();
  expect(unlimited.cpuLimit).toBeUndefined();
  expect(unlimited.memoryLimit ?? Infinity).toBeGreaterThan(2 ** 50);
  expect(unlimited).toMatchObject({ oomKills: 0, pidsRefused: 0 });
  await set(memory!, 'memory.limit_in_bytes', 'memory.max', String(64 << 20));
  await set(pids!, 'pids.max', 'pids.max', '17');
  if (cpu!.unified) await writeFile(join(cpu!.path, 'cpu.max'), '50000 100000');
  else await writeFile(join(cpu!.path, 'cpu.cfs_quota_us'), '50000');
  expect(await readGroup(name)).toMatchObject({ memoryLimit: 64 << 20, pidsLimit: 17, cpuLimit: 0.5 });
});

/** A shell in the group's directories runs the script. */
async function within(places: Place[], script: string) {
  const enter = places.map(({ path }) => `echo $$ >${path}/cgroup.procs`).join(' && ');
  return start('sh', ['-c', `${enter} && ${script}`]);
}

test('what the kernel refused and killed is counted', async () => {
  const [memory, pids] = await Promise.all(['memory', 'pids'].map(group));
  await set(memory!, 'memory.limit_in_bytes', 'memory.max', String(16 << 20));
  await set(pids!, 'pids.max', 'pids.max', '4');
  await within([memory!], 'head -c 100M /dev/zero | tail >/dev/null');
  await within([pids!], 'for i in 1 2 3 4 5 6 7 8; do sleep 0.1 & done; wait');
  const { oomKills, pidsRefused, memoryPeak } = await readGroup(name);
  expect(oomKills).toBeGreaterThan(0);
  expect(pidsRefused).toBeGreaterThan(0);
  expect(memoryPeak).toBeGreaterThan(8 << 20);
});

test('removal ends every process, in groups below too, and leaves no group', async () => {
  const [memory, pids] = await Promise.all(['memory', 'pids'].map(group));
  const below = join(pids!.path, 'a', 'b');
  await mkdir(below, { recursive: true });
  const children = await Promise.all([
    within([memory!], `trap '' TERM INT HUP; sleep 1000 & wait`).then((child) => child),
    within([{ path: below, unified: false }], 'sleep 1000'),
    removeWhenFull([memory!.path, below]),
  ]);
  expect(children.slice(0, 2)).toMatchObject([{ signal: 'SIGKILL' }, { signal: 'SIGKILL' }]);
  for (const path of [memory!.path, pids!.path]) expect(existsSync(path)).toBe(false);
});

async function removeWhenFull(paths: string[]): Promise<void> {
  const tasks = async () => Promise.all(paths.map((path) => readFile(join(path, 'cgroup.procs'), 'utf8')));
  while ((await tasks()).includes('')) await new Promise((done) => setTimeout(done, 10));
  await Promise.all([removeGroups(name), removeGroups(name)]);
}
