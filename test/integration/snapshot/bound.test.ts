/** A bound snapshot: what is written to it never takes more of the state's file system than it was given. Needs root. */
import { once } from 'node:events';
import {
  appendFile,
  mkdir,
  mkdtemp,
  open,
  readdir,
  rm,
  stat,
  statfs,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { run, start } from '../../../src/lib/host/exec.ts';
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
  // A program that is just making a mount namespace has a copy of every mount for a moment.
  await expect.poll(loops, { timeout: 10_000 }).toEqual([]);
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

test('a sparse one takes space as it is written to, and is bounded all the same', async () => {
  const before = await spareBytes(state);
  await snapshots.prepare('key', undefined, { bytes: 256 * MiB, isSparse: true });
  expect(before - (await spareBytes(state))).toBeLessThan(64 * MiB);
  const root = await snapshots.mount('key');
  expect(snapshots.limitOf('key')).toBe(256 * MiB);
  await writeFile(join(root, 'within'), Buffer.alloc(16 * MiB, 1));
  expect((await snapshots.space('key')).bytes).toBeLessThanOrEqual(240 * MiB);
  await expect(writeFile(join(root, 'beyond'), Buffer.alloc(512 * MiB, 1))).rejects.toMatchObject(full);
  await snapshots.remove('key');
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

/** Commits a snapshot on a parent with one more file. */
async function addLayer(name: string, parent: string | undefined, bound?: { bytes: number }): Promise<void> {
  await snapshots.prepare('key', parent, bound);
  await writeFile(join(await snapshots.mount('key'), name), name);
  await snapshots.commit(name, 'key');
}

async function loops(): Promise<string[]> {
  const { stdout } = await run('losetup', ['--list', '--noheadings', '--output', 'BACK-FILE']);
  return stdout.split('\n').filter((line) => line.includes(state));
}

test('what a committed disk does not use is given back, and a copy that keeps holes is as small', async () => {
  await snapshots.prepare('key', undefined, { bytes: 256 * MiB });
  const root = await snapshots.mount('key');
  await writeFile(join(root, 'gone'), Buffer.alloc(128 * MiB, 1));
  await run('sync', ['--file-system', root]);
  await rm(join(root, 'gone'));
  await writeFile(join(root, 'stays'), Buffer.alloc(4 * MiB, 1));
  await snapshots.commit('one', 'key');
  const { bytes, inodes } = await snapshots.usage('one');
  expect(bytes).toBeGreaterThan(4 * MiB);
  expect(bytes).toBeLessThan(8 * MiB);
  expect(inodes).toBe(2);
  const directory = join(state, 'snapshots/overlay');
  const [id = ''] = (await readdir(directory)).filter((name) => /^\d+$/.test(name));
  await run('cp', ['-a', join(directory, id, 'disk.ext4'), join(state, 'copy')]);
  expect((await stat(join(state, 'copy'))).blocks * 512).toBeLessThan(8 * MiB);
  await snapshots.remove('one');
});

test('views and children of a chain share a loop device for each disk, and leave none', async () => {
  await addLayer('one', undefined, { bytes: 8 * MiB });
  await addLayer('two', 'one', { bytes: 8 * MiB });
  await addLayer('three', 'two');
  expect(await loops()).toEqual([]);
  const keys = Array.from({ length: 8 }, (_, index) => `view ${index}`);
  await Promise.all(keys.map((key) => snapshots.view(key, 'three')));
  await Promise.all(keys.map((key) => snapshots.mount(key)));
  expect(await loops()).toHaveLength(2);
  const seen = (await readdir(await snapshots.mount('view 7'))).toSorted();
  expect(seen).toEqual(['one', 'three', 'two']);
  for (const key of keys) await snapshots.remove(key);
  expect(await loops()).toEqual([]);
  for (const name of ['three', 'two', 'one']) await snapshots.remove(name);
});

test('a directory, as earlier versions have committed, can be the parent of a disk', async () => {
  await addLayer('old', undefined);
  await addLayer('new', 'old', { bytes: 8 * MiB });
  await snapshots.view('look', 'new');
  expect((await readdir(await snapshots.mount('look'))).toSorted()).toEqual(['new', 'old']);
  await snapshots.remove('look');
});

test.each([
  ['disk', undefined],
  ['overlay', 'base'],
])(
  'a mount namespace that keeps a copy of the %s neither stops a commit nor its use',
  async (_kind, base) => {
    if (base !== undefined) await addLayer(base, undefined, { bytes: 8 * MiB });
    await snapshots.prepare('key', base, { bytes: 8 * MiB });
    const root = await snapshots.mount('key');
    await writeFile(join(root, 'file'), 'x');
    if (base !== undefined) await rm(join(root, base));
    const args = ['--mount', '--propagation', 'private', 'sh', '-c', 'echo there; exec sleep 1000'];
    const holder = start('unshare', args);
    await once(holder.stdout, 'data');
    try {
      await snapshots.commit('one', 'key');
      await addLayer('two', 'one', { bytes: 8 * MiB });
      await snapshots.view('look', 'two');
      expect((await readdir(await snapshots.mount('look'))).toSorted()).toEqual(['file', 'two']);
      await snapshots.remove('look');
    } finally {
      holder.kill('SIGKILL');
      await holder.catch(() => undefined);
    }
  },
);

test('what a process has open for writing is not committed', async () => {
  await snapshots.prepare('key', undefined, { bytes: 8 * MiB });
  const file = await open(join(await snapshots.mount('key'), 'file'), 'w');
  await expect(snapshots.commit('one', 'key')).rejects.toMatchObject({ code: 'BUSY' });
  await file.close();
  await snapshots.commit('one', 'key');
});

test('the fingerprint of a disk stays while it is used, and is of the whole chain', async () => {
  await addLayer('one', undefined, { bytes: 8 * MiB });
  const before = await snapshots.fingerprint('one');
  expect(before).toBeTypeOf('string');
  await addLayer('two', 'one', { bytes: 8 * MiB });
  expect(await snapshots.fingerprint('one')).toBe(before);
  const chain = await snapshots.fingerprint('two');
  const [id = ''] = (await readdir(join(state, 'snapshots/overlay')))
    .filter((name) => /^\d+$/.test(name))
    .toSorted();
  const { atime, mtime } = await stat(join(state, 'snapshots/overlay', id, 'disk.ext4'));
  await utimes(join(state, 'snapshots/overlay', id, 'disk.ext4'), atime, mtime);
  expect(await snapshots.fingerprint('one')).not.toBe(before);
  expect(await snapshots.fingerprint('two')).not.toBe(chain);
  await addLayer('three', undefined);
  expect(await snapshots.fingerprint('three')).toBeUndefined();
});
