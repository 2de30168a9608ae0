/** A bound snapshot: what is written to it never takes more of the state's file system than it was given. Needs root. */
import { appendFile, mkdir, mkdtemp, rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { run } from '../../../src/lib/host/exec.ts';
import { unmountAllBelow } from '../../../src/lib/host/mounts.ts';
import { spareBytes } from '../../../src/lib/host/reserve.ts';
import { OverlaySnapshotter } from '../../../src/stages/snapshot/overlay.ts';
import { describeTree, makeEverything } from '../../helpers/snapshot/tree.ts';

let state: string;
let snapshots: OverlaySnapshotter;
beforeEach(async () => {
  state = await mkdtemp('/var/tmp/milliner bound:with,odd\\name-');
  snapshots = await OverlaySnapshotter.open(state);
});
afterEach(async () => {
  await snapshots.close();
  const { stdout } = await run('losetup', ['--list', '--noheadings', '--output', 'BACK-FILE']);
  expect(stdout.split('\n').filter((line) => line.includes(state))).toEqual([]);
  await unmountAllBelow(state, { detach: true });
  await rm(state, { recursive: true });
});

const MiB = 1024 * 1024;
const full = { code: 'ENOSPC' };

test('the kernel refuses what is beyond the bound, and what was within it is committed as it is', async () => {
  await snapshots.prepare('one', undefined, { bytes: 32 * MiB });
  const root = await snapshots.mount('one');
  await makeEverything(root);
  await snapshots.commit('base', 'one');
  for (const parent of [undefined, 'base']) {
    await snapshots.prepare('key', parent, { bytes: 16 * MiB });
    const there = await snapshots.mount('key');
    expect(snapshots.limitOf('key')).toBe(16 * MiB);
    await writeFile(join(there, 'within'), Buffer.alloc(8 * MiB, 1));
    const { bytes } = await snapshots.space('key');
    expect(bytes).toBeGreaterThan(7 * MiB);
    expect(bytes).toBeLessThanOrEqual(8 * MiB);
    await expect(writeFile(join(there, 'beyond'), Buffer.alloc(64 * MiB, 1))).rejects.toMatchObject(full);
    expect((await snapshots.space('key')).bytes).toBeLessThanOrEqual(0);
    await rm(join(there, 'beyond'));
    const seen = await describeTree(there, await snapshots.scan('key'));
    await snapshots.commit('two', 'key');
    await snapshots.view('look', 'two');
    expect(await describeTree(await snapshots.mount('look'), await snapshots.scan('look'))).toEqual(seen);
    await snapshots.remove('look');
    await snapshots.remove('two');
  }
});

test('files without content, and room that is asked for at once, are within the bound too', async () => {
  await snapshots.prepare('key', undefined, { bytes: 4 * MiB });
  const root = await snapshots.mount('key');
  await expect(run('fallocate', ['--length', '64M', join(root, 'asked')])).rejects.toMatchObject({
    code: 'DISK_FULL',
  });
  await rm(join(root, 'asked'), { force: true });
  const many = async () => {
    for (let i = 0; i < 100_000; i++) await mkdir(join(root, `${i}`));
  };
  await expect(many()).rejects.toMatchObject(full);
  const { bytes, inodes } = await snapshots.space('key');
  expect(Math.min(bytes, inodes)).toBeLessThanOrEqual(0);
  await snapshots.remove('key');
});

test('what is promised to one is not free for others, and several share what there is', async () => {
  const before = await spareBytes(state);
  await snapshots.prepare('one', undefined, { bytes: 256 * MiB });
  expect(before - (await spareBytes(state))).toBeGreaterThan(256 * MiB);
  const far = 2 ** 50;
  await snapshots.prepare('two', undefined, { bytes: far, share: 1000 });
  const { bsize, blocks } = await statfs(state);
  expect(snapshots.limitOf('two')).toBeLessThan((bsize * blocks) / 1000);
  await snapshots.remove('one');
  await snapshots.remove('two');
});

test('it can be mounted again, and goes with a process that dies', async () => {
  await snapshots.prepare('key', undefined, { bytes: 16 * MiB });
  await appendFile(join(await snapshots.mount('key'), 'file'), 'one');
  await snapshots.unmount('key');
  await appendFile(join(await snapshots.mount('key'), 'file'), 'two');
  expect((await snapshots.scan('key')).map(({ size, path }) => [path, size]).at(-1)).toEqual(['file', 6]);
  // As if it had died: what it had is nobody's.
  await snapshots.close();
  snapshots = await OverlaySnapshotter.open(state);
  expect(snapshots.stat('key')).toBeUndefined();
});
