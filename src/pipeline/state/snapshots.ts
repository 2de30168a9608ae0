/** A read-only look at a committed tree. */
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
