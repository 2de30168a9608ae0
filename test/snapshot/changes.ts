/** Any sequence of changes: what was seen in an active snapshot is what its commit shows, for it and its children. */
import { appendFile, chmod, link, mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { unmountAllBelow } from '../../src/host/mounts.ts';
import { native } from '../../src/host/native.ts';
import type { Snapshotter } from '../../src/snapshot/snapshot.ts';
import { drivers, type DriverName } from './drivers.ts';
import { describeTree, type } from './tree.ts';

type Change = readonly [operation: keyof typeof operations, path: string, other: string];

const operations = {
  write: (path: string, other: string) => writeFile(path, other),
  append: (path: string) => appendFile(path, 'more'),
  chmod: (path: string) => chmod(path, 0o711),
  xattr: (path: string, other: string) =>
    native().setXattr(Buffer.from(path), 'user.note', Buffer.from(other.slice(-3))),
  link: (path: string, other: string) => link(path, other),
  symlink: (path: string) => symlink('anywhere', path),
  mkdir: (path: string) => mkdir(path),
  fifo: (path: string) => native().mknod(Buffer.from(path), type.fifo | 0o644, 0, 0),
  rename: (path: string, other: string) => rename(path, other),
  remove: (path: string) => rm(path, { recursive: true }),
} as const;

const paths = ['a', 'b', 'c', 'd', 'd/a', 'd/b', 'd/e', 'd/e/a', 'f', 'f/a', 'f/b'];
const change = fc.tuple(
  fc.constantFrom(...(Object.keys(operations) as (keyof typeof operations)[])),
  fc.constantFrom(...paths),
  fc.constantFrom(...paths),
);
const generations = fc.array(fc.array(change, { maxLength: 12 }), { minLength: 1, maxLength: 3 });

/** Operations that do not fit the tree fail as they would for any program; that is no matter here. */
async function apply(root: string, made: readonly Change[]): Promise<void> {
  for (const [operation, path, other] of made) {
    const at = `${root}/${path}`;
    // Opening a FIFO would wait for its other end.
    if ((operation === 'write' || operation === 'append') && (await isFifo(at))) continue;
    await operations[operation](at, `${root}/${other}`).catch(() => {});
  }
}

async function isFifo(path: string): Promise<boolean> {
  const found = await native()
    .lstat(path)
    .catch(() => undefined);
  return found !== undefined && (found.mode & type.mask) === type.fifo;
}

async function see(snapshots: Snapshotter, key: string) {
  return describeTree(await snapshots.mount(key), await snapshots.scan(key));
}

/** Files of several names in several directories, because those are where layers go wrong. */
async function makeBase(root: string): Promise<void> {
  for (const path of ['d', 'd/e', 'f']) await mkdir(`${root}/${path}`);
  for (const path of ['a', 'f/a', 'c']) await writeFile(`${root}/${path}`, path);
  for (const path of ['b', 'd/a', 'd/e/a']) await link(`${root}/a`, `${root}/${path}`);
  await link(`${root}/f/a`, `${root}/f/b`);
}

async function commitAndCompare(snapshots: Snapshotter, all: readonly (readonly Change[])[]): Promise<void> {
  const committed: string[] = [];
  for (const [index, made] of all.entries()) {
    await snapshots.prepare('key', committed[0] ?? 'base');
    await apply(await snapshots.mount('key'), made);
    const before = await see(snapshots, 'key');
    await snapshots.commit(`generation ${index}`, 'key');
    committed.unshift(`generation ${index}`);
    await snapshots.view('look', `generation ${index}`);
    const after = await see(snapshots, 'look');
    await snapshots.remove('look');
    expect(after).toEqual(before);
  }
}

export function changes(driver: DriverName): void {
  test(`${driver}: whatever changes, what was seen before a commit is seen after it`, async () => {
    const state = await mkdtemp('/var/tmp/milliner-changes-');
    const snapshots = await drivers[driver].open(state);
    try {
      await snapshots.prepare('key');
      await makeBase(await snapshots.mount('key'));
      await snapshots.commit('base', 'key');
      const property = fc.asyncProperty(generations, (all) => commitAndCompare(snapshots, all));
      await fc.assert(
        property.afterEach(() => removeAllButBase(snapshots)),
        {
          numRuns: process.env['MILLINER_SOAK'] ? 3000 : 60,
        },
      );
    } finally {
      await snapshots.close();
      await unmountAllBelow(state, { detach: true });
      await rm(state, { recursive: true });
    }
  }, 3_600_000);
}

async function removeAllButBase(snapshots: Snapshotter): Promise<void> {
  const names: string[] = [];
  await snapshots.walk(({ name }) => void (name === 'base' || names.unshift(name)));
  for (const name of names) await snapshots.remove(name);
}
