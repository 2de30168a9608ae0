/** Runs a function with a mounted snapshot and cleans up afterwards. */
import type { IdRange } from '../../lib/container/userns.ts';
import type { Bound } from '../../stages/snapshot/snapshotter.ts';
import type { Context } from './context.ts';
import { withWorkspace } from './workspace.ts';

/** Runs fn with the read-only mount point of a committed snapshot and the key of the view. */
export async function withView<T>(
  { state, snapshots }: Pick<Context, 'state' | 'snapshots'>,
  snapshot: string,
  fn: (root: string, key: string) => Promise<T>,
): Promise<T> {
  return withWorkspace(state, async ({ id }) => {
    await snapshots.view(id, snapshot);
    try {
      return await fn(await snapshots.mount(id), id);
    } finally {
      await snapshots.remove(id);
    }
  });
}

interface ActiveOptions {
  parent: string | undefined;
  bound?: Bound;
  /** The user namespace into which the owners of its files are shifted. */
  ids?: IdRange | undefined;
}

/** Runs fn with the writable mount point of a new snapshot. The snapshot is removed if fn does not commit it. */
export async function withActive<T>(
  { content, snapshots, signal }: Context,
  key: string,
  { parent, bound, ids }: ActiveOptions,
  fn: (root: string) => Promise<T>,
): Promise<T> {
  // The lease keeps gc from removing the parent before the new snapshot refers to it.
  await content.lease(() => snapshots.prepare(key, parent, bound), { wait: true, signal });
  try {
    return await fn(await snapshots.mount(key, ids));
  } finally {
    if (snapshots.stat(key)) await snapshots.remove(key);
  }
}

/** The space of an active snapshot, for which `asked` bytes were requested. */
export function diskOf({ snapshots }: Context, key: string, asked: number) {
  const maxBytes = snapshots.limitOf(key);
  const isFull = async () => {
    const space = await snapshots.space(key);
    return space.bytes <= 0 || space.inodes <= 0;
  };
  return { maxBytes, isHosts: maxBytes < asked, isFull };
}
