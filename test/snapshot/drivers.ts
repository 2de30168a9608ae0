/** The snapshotters that the conformance suite runs against, by name, for test and child processes alike. */
import { OverlaySnapshotter } from '../../src/snapshot/overlay.ts';
import type { Snapshotter } from '../../src/snapshot/snapshot.ts';

export interface Driver {
  open: (state: string, onStep?: (step: string) => void) => Promise<Snapshotter>;
  /** Where a process may die in each operation. */
  steps: Record<'prepare' | 'commit' | 'remove', readonly string[]>;
}

export type DriverName = 'overlay';

export const drivers: Record<DriverName, Driver> = {
  overlay: {
    open: (state, onStep) => OverlaySnapshotter.open(state, onStep ? { onStep } : {}),
    steps: {
      prepare: ['inserted', 'prepared'],
      commit: ['settled', 'synced', 'committed'],
      remove: ['unmounted', 'deleted'],
    },
  },
};
