import { mkdtemp, rm, writeFile, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { DiskGuard } from './disk.ts';

let place: string;
async function space() {
  const { bsize, bfree, ffree } = await statfs(place);
  return { bytes: bsize * bfree, inodes: ffree };
}
beforeEach(async () => {
  place = await mkdtemp(join(tmpdir(), 'milliner-disk-'));
});
afterEach(() => rm(place, { recursive: true }));

const guard = (bytes: number, limit: number, inodes = 1) =>
  DiskGuard.open({ space, diskUsage: async () => ({ bytes, inodes }) }, limit);

async function firstProblem(disk: DiskGuard): Promise<string | undefined> {
  for (let look = 0; look < 70; look++) {
    const problem = await disk.problem();
    if (problem !== undefined) return problem;
    await sleep(100);
  }
  return undefined;
}

test('what it wrote is counted when the disk has lost as much', async () => {
  const disk = await guard(8 << 20, 4 << 20);
  await writeFile(join(place, 'fill'), Buffer.alloc(16 << 20, 1));
  expect(await firstProblem(disk)).toBeDefined();
});

test('it is counted after a while too: others may have freed as much', async () => {
  const deep = Object.assign(new Error('deep'), { code: 'ENAMETOOLONG' });
  const guards = await Promise.all([
    guard(2 ** 40, 2 ** 39),
    guard(1, 2 ** 39, 2_000_000),
    // Directories in directories beyond what a path can name.
    DiskGuard.open({ space, diskUsage: () => Promise.reject(deep) }, 2 ** 39),
    guard(1, 2 ** 39),
  ]);
  const problems = await Promise.all(guards.map(firstProblem));
  expect(problems.map((problem) => problem !== undefined)).toEqual([true, true, true, false]);
});

test('what others wrote is not its own', async () => {
  const disk = await guard(1 << 20, 4 << 20);
  await writeFile(join(place, 'fill'), Buffer.alloc(16 << 20, 1));
  expect(await disk.problem()).toBeUndefined();
});
