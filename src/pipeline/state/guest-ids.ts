/** The user namespace of scriptlets and instances: never the host's ids, unless the operator allows it. */
import { guestIds, type IdRange } from '../../lib/container/userns.ts';
import { MillinerError } from '../../lib/errors/error.ts';
import type { Snapshotter } from '../../stages/snapshot/snapshotter.ts';
import type { Context } from './context.ts';

const asked = new WeakMap<Snapshotter, Promise<IdRange | undefined>>();

/** Undefined if they run as the host's root, as --allow-host-root allows. Throws HOST_ROOT_SHARED. */
export function guestIdsOf(context: Context): Promise<IdRange | undefined> {
  const { snapshots } = context;
  const known = asked.get(snapshots) ?? probe(context);
  asked.set(snapshots, known);
  return known;
}

async function probe({ snapshots, allowHostRoot, progress }: Context): Promise<IdRange | undefined> {
  try {
    await snapshots.probeShifted(guestIds);
    return guestIds;
  } catch (error) {
    const isRefused = error instanceof MillinerError && error.code === 'HOST_ROOT_SHARED';
    if (!isRefused || allowHostRoot !== true) throw error;
    progress.warn(`${error.message}; they have it, as --allow-host-root allows`);
    return undefined;
  }
}
