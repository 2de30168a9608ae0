/** The snapshotters that the conformance suite runs against, by name, for test and child processes alike. */
import { deepStrictEqual } from 'node:assert';
import { run } from '../../../src/lib/host/exec.ts';
import { listDevices } from '../../../src/lib/host/device-mapper.ts';
import { OverlaySnapshotter } from '../../../src/stages/snapshot/overlay.ts';
import type { Snapshotter } from '../../../src/stages/snapshot/snapshotter.ts';
import { createPool, removePool } from '../../../src/stages/snapshot/thin/create.ts';
import { devicePrefix, findConfig, readConfig } from '../../../src/stages/snapshot/thin/pool-config.ts';
import { checkPool } from '../../../src/stages/snapshot/thin/repair.ts';
import { ThinSnapshotter } from '../../../src/stages/snapshot/thin/thin.ts';

export interface Driver {
  open: (state: string, onStep?: (step: string) => void) => Promise<Snapshotter>;
  /** Fails where anything is left that no snapshot needs; nobody uses the state. */
  audit: (state: string) => Promise<void>;
  /** Takes down what is outside the state directory. */
  destroy: (state: string) => Promise<void>;
  /** How many layers one tree is tried with. */
  depth: number;
  /** Where a process may die in each operation; from `committed` on a commit has happened. */
  steps: Record<'prepare' | 'commit' | 'remove', readonly string[]>;
}

export type DriverName = 'overlay' | 'overlay on disks' | 'dm-thin';

const nothing = () => Promise.resolve();

const overlay: Driver = {
  open: (state, onStep) => OverlaySnapshotter.open(state, onStep),
  audit: nothing,
  destroy: nothing,
  depth: 64,
  steps: {
    prepare: ['inserted', 'prepared'],
    commit: ['settled', 'synced', 'committed'],
    remove: ['unmounted', 'deleted'],
  },
};

export const drivers: Record<DriverName, Driver> = {
  overlay,
  'overlay on disks': {
    ...overlay,
    open: openBounded,
    audit: auditLoops,
    // Each layer is a disk of its own; a chain of recipes has few.
    depth: 6,
  },
  'dm-thin': {
    open: async (state, onStep) => {
      if (!(await findConfig(state))) await createPool(state, thinRequest);
      return ThinSnapshotter.open(state, onStep);
    },
    audit: auditPool,
    destroy: async (state) => {
      if (await findConfig(state)) await removePool(state, { force: true });
    },
    // Depth is nothing to a thin device, and each takes its time in a virtual machine.
    depth: 8,
    steps: {
      prepare: ['inserted', 'created', 'activated'],
      commit: ['settled', 'synced', 'committed', 'stepped', 'deactivated'],
      remove: ['unmounted', 'deleted', 'discarded', 'deactivated', 'erased', 'forgotten'],
    },
  },
};

export const thinRequest = {
  on: { size: 1024 ** 3 },
  fileSystem: 'ext4',
  volumeSize: 8 * 1024 ** 3,
  lowWater: 20,
} as const;

/** Every snapshot is bounded, as those of builds are. */
async function openBounded(state: string, onStep?: (step: string) => void): Promise<Snapshotter> {
  const snapshots = await OverlaySnapshotter.open(state, onStep);
  const prepare = snapshots.prepare.bind(snapshots);
  snapshots.prepare = (key, parent, bound = { bytes: 48 * 1024 ** 2 }) => prepare(key, parent, bound);
  return snapshots;
}

/** No disk of the state has a loop device. */
async function auditLoops(state: string): Promise<void> {
  const { stdout } = await run('losetup', ['--list', '--noheadings', '--output', 'BACK-FILE']);
  deepStrictEqual(
    stdout.split('\n').filter((line) => line.startsWith(state)),
    [],
  );
}

/** Removes all but the snapshots of these names, children first. */
export async function removeAllBut(snapshots: Snapshotter, keep: readonly string[]): Promise<void> {
  const names: string[] = [];
  await snapshots.walk(({ name }) => void (keep.includes(name) || names.unshift(name)));
  for (const name of names) await snapshots.remove(name);
}

/** No id that the database does not know, no lost one, no device; and thin_check finds nothing. */
export async function auditPool(state: string): Promise<void> {
  const config = await readConfig(state);
  const names = await listDevices(devicePrefix(config));
  deepStrictEqual(
    names.filter((name) => name.includes('-thin-')),
    [],
  );
  deepStrictEqual(await checkPool(state), { clean: true, problems: [], unknown: [], lost: [] });
  deepStrictEqual(await listDevices(devicePrefix(config)), []);
}
