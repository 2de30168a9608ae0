/** Snapshots for as long as something is done with them. */
import type { Context } from './context.ts';
import { withWorkspace } from './workspace.ts';

/** Runs fn with where it is mounted, and the key of the view. */
export async function withTree<T>(
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

/** Whatever is not committed when the scope ends is removed. */
export async function prepare({ snapshots }: Context, id: string, parent: string | undefined, most: number) {
  await snapshots.prepare(id, parent, { bytes: most });
  const maxBytes = snapshots.limitOf(id);
  const isFull = async () => {
    const space = await snapshots.space(id);
    return space.bytes <= 0 || space.inodes <= 0;
  };
  return {
    target: await snapshots.mount(id),
    disk: { maxBytes, isHosts: maxBytes < most, isFull },
    async [Symbol.asyncDispose]() {
      if (snapshots.stat(id)) await snapshots.remove(id);
    },
  };
}
