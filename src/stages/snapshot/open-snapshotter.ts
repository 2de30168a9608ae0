/** Chooses the snapshotter of a state directory. */
import { MillinerError } from '../../lib/errors/error.ts';
import { OverlaySnapshotter } from './overlay.ts';
import type { Storage } from './storages.ts';
import type { Snapshotter } from './snapshotter.ts';
import { findConfig } from './thin/pool-config.ts';
import { ThinSnapshotter } from './thin/thin.ts';

export interface Opened {
  snapshots: Snapshotter;
  /** Reason of the choice, for people. */
  reason: string;
  /** A problem that will become an error later. */
  warning?: string;
}

/**
 * auto: dm-thin if a pool is set up and the host supports it, otherwise overlay. A pool with a problem is an error,
 * because overlay would lack the images in it. Throws the errors of the drivers' open.
 */
export async function openSnapshots(state: string, storage: Storage): Promise<Opened> {
  const asked = `--storage ${storage}`;
  if (storage === 'overlay') return { snapshots: await OverlaySnapshotter.open(state), reason: asked };
  if (storage === 'dm-thin') return openThin(state, asked);
  const pool = await findConfig(state);
  if (pool?.phase !== 'ready') {
    return { snapshots: await OverlaySnapshotter.open(state), reason: 'no dm-thin pool is set up' };
  }
  try {
    return await openThin(state, `pool ${pool.uuid} is set up`);
  } catch (error) {
    if (!(error instanceof MillinerError) || error.code !== 'HOST_MISSING') throw error;
    const reason = `a dm-thin pool is set up, but ${error.message}`;
    return { snapshots: await OverlaySnapshotter.open(state), reason };
  }
}

async function openThin(state: string, reason: string): Promise<Opened> {
  const snapshots = await ThinSnapshotter.open(state);
  if (!(await snapshots.isLow())) return { snapshots, reason };
  const warning = 'the dm-thin pool is nearly full: enlarge it with milliner pool grow';
  return { snapshots, reason, warning };
}
