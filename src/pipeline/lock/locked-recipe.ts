/** A recipe with its lock, the input of a build. */
import type { Lock, LockedArch } from '../../stages/lock/lock-file.ts';
import type { LoadedRecipe } from '../../stages/recipe/load.ts';

/** A recipe with the part of its lock for one architecture. */
export interface LockedRecipe {
  loaded: LoadedRecipe;
  lock: Lock;
  answer: LockedArch;
}
