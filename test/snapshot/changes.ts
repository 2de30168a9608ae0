/** Any sequence of changes: what was seen in an active snapshot is what its commit shows, for it and its children. */
import { appendFile, chmod, link, mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
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
const generations = fc.array(fc.array(change, { maxLength: 12 }), { minLength: 2, maxLength: 4 });

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

export function changes(driver: DriverName): void {
  describe(`${driver} under any changes`, { timeout: 3_600_000 }, () => {
    test('what was seen before a commit is what is seen after it', async () => {
      await fc.assert(
        fc.asyncProperty(generations, async (all) => {
          const state = await mkdtemp('/var/tmp/milliner-changes-');
          const snapshots = await drivers[driver].open(state);
          try {
            let parent: string | undefined;
            for (const [index, made] of all.entries()) {
              await snapshots.prepare('key', parent);
              await apply(await snapshots.mount('key'), made);
              const before = await see(snapshots, 'key');
              parent = `generation ${index}`;
              await snapshots.commit(parent, 'key');
              await snapshots.view('look', parent);
              expect(await see(snapshots, 'look')).toEqual(before);
              await snapshots.remove('look');
            }
          } finally {
            await snapshots.close();
            await (await drivers[driver].open(state)).close();
            await rm(state, { recursive: true });
          }
        }),
        { numRuns: process.env['MILLINER_SOAK'] ? 2000 : 30 },
      );
    });
  });
}
