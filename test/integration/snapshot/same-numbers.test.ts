/**
 * The disks of a base and its child count their files alike, and the time of a change is a tick of milliseconds: so a
 * file that was copied up and a new one may have one number and one time. They were taken for one file.
 */
import { chmod, link, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { unmountAllBelow } from '../../../src/lib/host/mounts.ts';
import type { ScanEntry } from '../../../src/lib/host/native.ts';
import { OverlaySnapshotter } from '../../../src/stages/snapshot/overlay.ts';

let state: string;
let snapshots: OverlaySnapshotter;
beforeEach(async () => {
  state = await mkdtemp('/var/tmp/milliner-numbers-');
  snapshots = await OverlaySnapshotter.open(state);
});
afterEach(async () => {
  await snapshots.close();
  await unmountAllBelow(state, { detach: true });
  await rm(state, { recursive: true });
});

const bound = { bytes: 8 * 1024 * 1024 };

/** A child in which `old`, of the base, and a new file have one number; gives the new one's name. */
async function makeTwins(root: string): Promise<string> {
  // The link has overlayfs copy it up.
  await link(join(root, 'old'), join(root, 'other'));
  const { ino } = await stat(join(root, 'old'), { bigint: true });
  for (let count = 0; count < 200; count++) {
    const name = `new-${count}`;
    await writeFile(join(root, name), 'new');
    if ((await stat(join(root, name), { bigint: true })).ino === ino) return name;
  }
  throw new Error('the disks do not count alike');
}

async function found(key: string, ...names: string[]): Promise<ScanEntry[]> {
  const entries = await snapshots.scan(key);
  return names.map((name) => entries.find(({ path }) => path === name)!);
}

test('files of two disks with one number and one time of change are two files', async () => {
  await snapshots.prepare('key', undefined, bound);
  const base = await snapshots.mount('key');
  // overlayfs takes the first numbers of a child's disk for itself.
  for (let count = 0; count < 50; count++) await writeFile(join(base, `first-${count}`), '');
  await writeFile(join(base, 'old'), 'old');
  await snapshots.commit('base', 'key');
  await snapshots.prepare('key', 'base', bound);
  const root = await snapshots.mount('key');
  const twin = await makeTwins(root);
  for (let attempt = 1; ; attempt++) {
    // The kernel gives a finer time to the first change after a look alone.
    for (const mode of [0o600, 0o644]) for (const name of ['old', twin]) await chmod(join(root, name), mode);
    const [old, other, made] = await found('key', 'old', 'other', twin);
    if (old!.ctimeNanoseconds !== made!.ctimeNanoseconds && attempt < 100) continue;
    expect([made!.inodeNumber, made!.ctimeNanoseconds]).toEqual([old!.inodeNumber, old!.ctimeNanoseconds]);
    expect(made!.inode).not.toBe(old!.inode);
    expect(other!.inode).toBe(old!.inode);
    return;
  }
});

test('a file of the base has its number in a child and in views of both', async () => {
  await snapshots.prepare('key', undefined, bound);
  await writeFile(join(await snapshots.mount('key'), 'old'), 'old');
  await snapshots.commit('base', 'key');
  await snapshots.prepare('key', 'base', bound);
  await writeFile(join(await snapshots.mount('key'), 'new'), 'new');
  await snapshots.commit('child', 'key');
  await snapshots.prepare('grandchild', 'child', bound);
  for (const name of ['base', 'child']) await snapshots.view(`view of ${name}`, name);
  const keys = ['grandchild', 'view of base', 'view of child'];
  const seen: unknown[] = [];
  for (const key of keys) {
    await snapshots.mount(key);
    const [old] = await found(key, 'old');
    seen.push([old!.inodeNumber, old!.ctimeNanoseconds]);
  }
  expect(new Set(seen.map(String)).size).toBe(1);
});
