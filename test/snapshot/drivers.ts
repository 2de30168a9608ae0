/** The snapshotters that the conformance suite runs against, by name, for test and child processes alike. */
import { expect } from 'vitest';
import { listDevices } from '../../src/host/devicemapper.ts';
import { OverlaySnapshotter } from '../../src/snapshot/overlay.ts';
import type { Snapshotter } from '../../src/snapshot/snapshot.ts';
import { devicePrefix, findConfig, readConfig } from '../../src/snapshot/thin/config.ts';
import { createPool, removePool } from '../../src/snapshot/thin/create.ts';
import { checkPool } from '../../src/snapshot/thin/repair.ts';
import { ThinSnapshotter } from '../../src/snapshot/thin/thin.ts';

export interface Driver {
  open: (state: string, onStep?: (step: string) => void) => Promise<Snapshotter>;
  /** Fails where anything is left that no snapshot needs; nobody uses the state. */
  audit: (state: string) => Promise<void>;
  /** Takes down what is outside the state directory. */
  destroy: (state: string) => Promise<void>;
  /** Where a process may die in each operation; from `committed` on a commit has happened. */
  steps: Record<'prepare' | 'commit' | 'remove', readonly string[]>;
}

export type DriverName = 'overlay' | 'dm-thin';

const nothing = () => Promise.resolve();

export const drivers: Record<DriverName, Driver> = {
  overlay: {
    open: (state, onStep) => OverlaySnapshotter.open(state, onStep),
    audit: nothing,
    destroy: nothing,
    steps: {
      prepare: ['inserted', 'prepared'],
      commit: ['settled', 'synced', 'committed'],
      remove: ['unmounted', 'deleted'],
    },
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
  volumeSize: 16 * 1024 ** 3,
  lowWater: 20,
} as const;

/** No id that the database does not know, no lost one, no device; and thin_check finds nothing. */
export async function auditPool(state: string): Promise<void> {
  const config = await readConfig(state);
  const names = await listDevices(devicePrefix(config));
  expect(names.filter((name) => name.includes('-thin-'))).toEqual([]);
  expect(await checkPool(state)).toEqual({ clean: true, problems: [], unknown: [], lost: [] });
  expect(await listDevices(devicePrefix(config))).toEqual([]);
}
