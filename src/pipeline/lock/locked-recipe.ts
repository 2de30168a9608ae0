/** What later steps have of a lock. */
import type { Lock, LockedArch } from '../../stages/lock/lock-file.ts';
import type { LoadedRecipe } from '../../stages/recipe/load.ts';

/** A recipe with the part of its lock that is for one architecture. */
export interface LockedRecipe {
  loaded: LoadedRecipe;
  lock: Lock;
  answer: LockedArch;
}
