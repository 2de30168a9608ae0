/** The user namespace of an instance: ids of its own, which no other instance and no build has. */
import { instanceIds, takeIdRange } from '../../lib/container/id-range.ts';
import { guestIds, type IdRange } from '../../lib/container/userns.ts';
import { readAccounts } from '../../stages/install/accounts.ts';
import type { Context } from '../state/context.ts';
import { guestIdsOf } from '../state/guest-ids.ts';
import type { ImageRecord } from '../state/image-records.ts';
import { withView } from '../state/snapshots.ts';
import { readTree } from '../state/trees.ts';

type Image = Pick<ImageRecord, 'name' | 'snapshot' | 'tree'>;

/**
 * Runs fn with the ids; undefined where the operator allows the host's root. An image with ids above those of one range
 * gets all of them, as builds do, and a warning. Throws HOST_ROOT_SHARED, BUSY.
 */
export async function withInstanceIds<T>(
  context: Context,
  image: Image,
  fn: (ids: IdRange | undefined) => Promise<T>,
): Promise<T> {
  if (!(await guestIdsOf(context))) return fn(undefined);
  const highest = await highestId(context, image);
  if (highest >= instanceIds) {
    const shared = `its instances share the ids of builds and of one another`;
    context.progress.warn(`${image.name} has the id ${highest}, above ${instanceIds - 1}: ${shared}`);
    return fn(guestIds);
  }
  const { ids, release } = await takeIdRange();
  try {
    return await fn(ids);
  } finally {
    await release();
  }
}

/** Label of a snapshot: the highest id of its files and accounts. It is committed, so neither changes. */
const label = 'highest-id';

/** Several instances of one image start at once, and ask together. */
const asked = new Map<string, Promise<number>>();

function highestId(context: Context, image: Image): Promise<number> {
  const known = context.snapshots.stat(image.snapshot)?.labels[label];
  if (known !== undefined) return Promise.resolve(Number(known));
  const key = `${context.state}\0${image.snapshot}`;
  const finding = asked.get(key) ?? findHighestId(context, image).finally(() => asked.delete(key));
  asked.set(key, finding);
  return finding;
}

async function findHighestId(context: Context, image: Image): Promise<number> {
  const { users, groups } = await withView(context, image.snapshot, readAccounts);
  let highest = 0;
  for (const id of [...users.values(), ...groups.values()]) highest = Math.max(highest, id);
  for (const { uid, gid } of (await readTree(context, image.tree)).values()) {
    highest = Math.max(highest, uid, gid);
  }
  context.snapshots.label(image.snapshot, { [label]: String(highest) });
  return highest;
}
