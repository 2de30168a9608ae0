/** Which snapshotter a state directory gets. */
import { MillinerError } from '../errors.ts';
import { OverlaySnapshotter } from './overlay.ts';
import type { Snapshotter } from './snapshot.ts';
import { findConfig } from './thin/config.ts';
import { ThinSnapshotter } from './thin/thin.ts';

export const storages = ['auto', 'dm-thin', 'overlay'] as const;
export type Storage = (typeof storages)[number];

export interface Opened {
  snapshots: Snapshotter;
  /** Why this one, for people. */
  why: string;
}

/**
 * auto: dm-thin where a pool is set up and the host can run it, else overlay. A pool that is there and in trouble is
 * an error, never a reason to go on without the images in it. Throws what the drivers' open throws.
 */
export async function openSnapshots(state: string, storage: Storage): Promise<Opened> {
  const asked = `--storage ${storage}`;
  if (storage === 'overlay') return { snapshots: await OverlaySnapshotter.open(state), why: asked };
  if (storage === 'dm-thin') return { snapshots: await ThinSnapshotter.open(state), why: asked };
  const pool = await findConfig(state);
  if (pool?.phase !== 'ready') {
    return { snapshots: await OverlaySnapshotter.open(state), why: 'no dm-thin pool is set up' };
  }
  try {
    return { snapshots: await ThinSnapshotter.open(state), why: `pool ${pool.uuid} is set up` };
  } catch (error) {
    if (!(error instanceof MillinerError) || error.code !== 'HOST_MISSING') throw error;
    const why = `a dm-thin pool is set up, but ${error.message}`;
    return { snapshots: await OverlaySnapshotter.open(state), why };
  }
}
