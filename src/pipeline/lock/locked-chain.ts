/** Loads the locks of a recipe and its bases, and makes missing ones. */
import { MillinerError } from '../../lib/errors/error.ts';
import { checkVersions } from '../../stages/image/tool-versions.ts';
import { readLock, type Lock } from '../../stages/lock/lock-file.ts';
import type { LoadedRecipe } from '../../stages/recipe/load.ts';
import type { Context } from '../state/context.ts';
import { checkFresh, checkHostRpm } from './freshness.ts';
import { makeLock } from './lock.ts';
import type { LockedRecipe } from './locked-recipe.ts';
import type { LockedBase } from './resolve.ts';

/** A recipe with its lock; `made` if there was none. */
interface HeldRecipe extends LockedBase {
  made: boolean;
}

/** The chain with its locks, for a build. Missing locks are made; stale or edited ones are refused. */
export async function lockedChain(
  context: Context,
  chain: LoadedRecipe[],
  arch: string,
): Promise<LockedRecipe[]> {
  const held = await holdChain(context, chain, [arch]);
  return held.map(({ loaded, lock }) => ({ loaded, lock, answer: lock.arches[arch]! }));
}

/** The same for several architectures. Each lock is read once, so that the one that was checked is the one used. */
export async function holdChain(
  context: Context,
  chain: LoadedRecipe[],
  arches: readonly string[],
): Promise<HeldRecipe[]> {
  const held: HeldRecipe[] = [];
  for (const loaded of chain) {
    const base = held.at(-1);
    const there = await readLock(loaded.lockPath);
    if (there) checkFresh(loaded, there, base?.lock);
    const lock = there ?? (await makeLock(context, loaded, { base })).lock;
    checkVersions(lock, loaded.lockPath);
    for (const arch of arches) await checkAnswer(loaded, lock, arch);
    held.push({ loaded, lock, made: !there });
  }
  return held;
}

async function checkAnswer(loaded: LoadedRecipe, lock: Lock, arch: string): Promise<void> {
  const answer = lock.arches[arch];
  if (!answer) {
    throw new MillinerError('LOCK_STALE', `${loaded.lockPath} has no packages for ${arch}`, {
      hint: `Add ${arch} to the recipe's arches and lock again.`,
    });
  }
  if (!Array.isArray(answer.tools)) await checkHostRpm(answer.tools.host, loaded);
}
