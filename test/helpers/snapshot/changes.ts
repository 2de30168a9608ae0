/** Any sequence of changes: what was seen in an active snapshot is what its commit shows, for it and its children. */
import { mkdtemp, rm } from 'node:fs/promises';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { unmountAllBelow } from '../../../src/lib/host/mounts.ts';
import type { Snapshotter } from '../../../src/stages/snapshot/snapshotter.ts';
import { drivers, removeAllBut, type DriverName } from './drivers.ts';
import { apply, generations, makeBase, type Change } from './random-changes.ts';
import { describeTree } from './tree.ts';

async function see(snapshots: Snapshotter, key: string) {
  return describeTree(await snapshots.mount(key), await snapshots.scan(key));
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

export function changes(driver: DriverName, runs: number): void {
  test(`${driver}: whatever changes, what was seen before a commit is seen after it`, async () => {
    const state = await mkdtemp('/var/tmp/milliner-changes-');
    const snapshots = await drivers[driver].open(state);
    try {
      await snapshots.prepare('key');
      await makeBase(await snapshots.mount('key'));
      await snapshots.commit('base', 'key');
      const property = fc.asyncProperty(generations, (all) => commitAndCompare(snapshots, all));
      await fc.assert(
        property.afterEach(() => removeAllBut(snapshots, ['base'])),
        {
          numRuns: runs,
        },
      );
    } finally {
      await snapshots.close();
      await unmountAllBelow(state, { detach: true });
      await drivers[driver].destroy(state);
      await rm(state, { recursive: true });
    }
  }, 3_600_000);
}
