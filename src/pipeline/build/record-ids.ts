/** The ledger of user and group ids beside a recipe's lock: read before a build, extended after it. */
import { idsPathOf, noIds, readIds, withIds, writeIds, type Ids } from '../../stages/lock/id-ledger.ts';
import type { LoadedRecipe } from '../../stages/recipe/load.ts';
import type { Context } from '../state/context.ts';
import type { ImageRecord } from '../state/image-records.ts';

export async function readLedger({ lockPath }: LoadedRecipe): Promise<Ids> {
  return (await readIds(idsPathOf(lockPath))) ?? noIds;
}

/** Adds new names to the ledger, for people to review. If the file cannot be written, the image is still good. */
export async function recordIds(
  { progress }: Pick<Context, 'progress'>,
  { recipe, lockPath }: LoadedRecipe,
  ledger: Ids,
  { ids = noIds }: ImageRecord,
): Promise<void> {
  const fresh = [
    ...freshNames('user', ledger.users, ids.users),
    ...freshNames('group', ledger.groups, ids.groups),
  ];
  if (fresh.length === 0) return;
  const path = idsPathOf(lockPath);
  try {
    await writeIds(path, withIds(ledger, ids));
    progress.step(`${recipe.name}: new in ${path}: ${fresh.join(', ')}`);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EROFS' && code !== 'EACCES' && code !== 'EPERM') throw error;
    progress.warn(`ids are not kept: ${path} cannot be written (${code}): ${fresh.join(', ')}`);
  }
}

function freshNames(kind: string, known: Ids['users'], now: Ids['users']): string[] {
  return Object.entries(now)
    .filter(([name]) => known[name] === undefined)
    .map(([name, id]) => `${kind} ${name} ${id}`);
}
