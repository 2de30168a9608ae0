/** Snapshots for as long as something is done with them. */
import type { IdRange } from '../../lib/container/userns.ts';
import type { Bound } from '../../stages/snapshot/snapshotter.ts';
import type { Context } from './context.ts';
import { withWorkspace } from './workspace.ts';

/** Runs fn with where a committed snapshot is mounted to be read, and the key of the view. */
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
  /** What the owners of its files are moved into. */
  ids?: IdRange | undefined;
}

/** Runs fn with where a new snapshot of that key is mounted to be written; what fn does not commit is removed. */
export async function withActive<T>(
  { content, snapshots, signal }: Context,
  key: string,
  { parent, bound, ids }: ActiveOptions,
  fn: (root: string) => Promise<T>,
): Promise<T> {
  // A collection of garbage must not take the parent between our looking at it and our standing on it.
  await content.lease(() => snapshots.prepare(key, parent, bound), { wait: true, signal });
  try {
    return await fn(await snapshots.mount(key, ids));
  } finally {
    if (snapshots.stat(key)) await snapshots.remove(key);
  }
}

/** How much may be added to an active snapshot for which so many bytes were asked. */
export function diskOf({ snapshots }: Context, key: string, asked: number) {
  const maxBytes = snapshots.limitOf(key);
  const isFull = async () => {
    const space = await snapshots.space(key);
    return space.bytes <= 0 || space.inodes <= 0;
  };
  return { maxBytes, isHosts: maxBytes < asked, isFull };
}
