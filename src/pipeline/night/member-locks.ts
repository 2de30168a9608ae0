/** The locks that a night starts from, and whether each still fits its recipe. */
import { MillinerError } from '../../lib/errors/error.ts';
import { checkVersions } from '../../stages/image/tool-versions.ts';
import { readLock, type Lock } from '../../stages/lock/lock-file.ts';
import type { LoadedRecipe } from '../../stages/recipe/load.ts';
import { checkFresh, inputsOf } from '../lock/freshness.ts';

export interface HeldLock {
  loaded: LoadedRecipe;
  lock: Lock | undefined;
  /** The lock is of this recipe as it is, and of these tools; its base is another question. */
  isOfRecipe: boolean;
}

export async function readHeldLock(loaded: LoadedRecipe): Promise<HeldLock> {
  const lock = await readLock(loaded.lockPath);
  return { loaded, lock, isOfRecipe: lock !== undefined && fits(loaded, lock) };
}

function fits({ recipe, lockPath }: LoadedRecipe, lock: Lock): boolean {
  if (lock.recipe !== recipe.name || lock.inputs !== inputsOf(recipe)) return false;
  try {
    checkVersions(lock, lockPath);
    return true;
  } catch (error) {
    if (error instanceof MillinerError && error.code === 'TOOLS_DIFFER') return false;
    throw error;
  }
}

/** Of a base that the set does not list: no night moves it. Throws LOCK_NOT_FOUND, LOCK_STALE. */
export function requireFixed({ loaded, lock }: HeldLock, base: Lock | undefined): Lock {
  if (!lock) {
    throw new MillinerError('LOCK_NOT_FOUND', `the lock ${loaded.lockPath} does not exist`, {
      hint: `Add ${loaded.recipe.name} to the recipes of the set, or make its lock with milliner lock ${loaded.path}.`,
    });
  }
  checkFresh(loaded, lock, base);
  return lock;
}
