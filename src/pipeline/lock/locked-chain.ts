/** A recipe and its bases with their locks, as later steps take them. */
import { MillinerError } from '../../lib/errors/error.ts';
import { checkVersions } from '../../stages/image/tool-versions.ts';
import { readLock, type Lock } from '../../stages/lock/lock-file.ts';
import { loadChain, type LoadedRecipe } from '../../stages/recipe/load.ts';
import type { Context } from '../state/context.ts';
import { checkFresh, checkHostRpm } from './freshness.ts';
import { makeLock } from './lock.ts';
import type { LockedRecipe } from './locked-recipe.ts';

/** The chain with its locks, for building; those that are missing are made, stale or edited ones refused. */
export async function lockedChain(
  context: Context,
  chain: LoadedRecipe[],
  arch: string,
): Promise<LockedRecipe[]> {
  const locked: LockedRecipe[] = [];
  for (const loaded of chain) {
    const base = locked.at(-1);
    const there = await readLock(loaded.lockPath);
    if (there) checkFresh(loaded, there, base?.lock);
    const found = there ?? (await makeLock(context, loaded, base)).lock;
    checkVersions(found, loaded.lockPath);
    const answer = found.arches[arch];
    if (!answer) {
      throw new MillinerError('LOCK_STALE', `${loaded.lockPath} has no answer for ${arch}`, {
        hint: `Add ${arch} to the recipe's arches and lock again.`,
      });
    }
    if (!Array.isArray(answer.tools)) await checkHostRpm(answer.tools.host, loaded);
    locked.push({ loaded, lock: found, answer });
  }
  return locked;
}

/** The recipe's own lock, held to it for these architectures; `made` where it, or one of its bases, had none. */
export async function lockRecipe(
  context: Context,
  recipe: string,
  arches: readonly string[],
): Promise<{ lock: Lock; made: boolean }> {
  const chain = await loadChain(recipe);
  const before = await Promise.all(chain.map(({ lockPath }) => readLock(lockPath)));
  const locked = await context.content.lease(async () => {
    for (const arch of arches.slice(1)) await lockedChain(context, chain, arch);
    return lockedChain(context, chain, arches[0]!);
  });
  return { lock: locked.at(-1)!.lock, made: before.includes(undefined) };
}
