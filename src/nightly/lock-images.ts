/** Makes the new locks of a night beside their recipes, bases before what stands on them. */
import { MillinerError } from '../lib/errors/error.ts';
import { failureOf, type Failure } from '../lib/errors/wire.ts';
import { makeLock } from '../pipeline/lock/lock.ts';
import type { LockedBase } from '../pipeline/lock/resolve.ts';
import { movesUnder } from '../pipeline/night/update-policy.ts';
import type { Context } from '../pipeline/state/context.ts';
import { readLock, type Lock } from '../stages/lock/lock-file.ts';
import type { NightWork } from '../stages/night/night-work.ts';
import type { SetMember } from '../stages/recipe/load-set.ts';
import type { NightRecipe } from './night-members.ts';

/** How locking an image ended: with a lock, with a failure, or not at all because of its base. */
export type LockOutcome = { lock: Lock } | { failure: Failure } | { base: string };

/**
 * By name of the recipe. A lock that was made by an interrupted run is made again, and is the same. One recipe's failure
 * does not end the night of the others. Throws INTERRUPTED, DISK_FULL and what else is no recipe's fault.
 */
export async function lockImages(
  context: Context,
  { images, locked }: NightWork,
  recipes: ReadonlyMap<string, NightRecipe>,
  vulnerable: ReadonlyMap<string, ReadonlySet<string>>,
): Promise<Map<string, LockOutcome>> {
  const outcomes = new Map<string, LockOutcome>();
  for (const { recipe, bases } of images) {
    const { member, lockBefore } = recipes.get(recipe)!;
    const base = bases.findLast((one) => isStopped(outcomes.get(one)));
    if (base !== undefined) outcomes.set(recipe, { base });
    else if (locked.has(recipe) && lockBefore) outcomes.set(recipe, { lock: lockBefore });
    else outcomes.set(recipe, await lockOne(context, member, vulnerable.get(member.loaded.path)));
  }
  return outcomes;
}

const isStopped = (outcome: LockOutcome | undefined) => outcome !== undefined && !('lock' in outcome);

async function lockOne(
  context: Context,
  member: SetMember,
  vulnerable: ReadonlySet<string> = new Set(),
): Promise<LockOutcome> {
  const { loaded, update } = member;
  try {
    const { lock } = await makeLock(context, loaded, {
      base: await baseOf(member),
      previous: await readLock(loaded.lockPath),
      moves: movesUnder(member, vulnerable),
      followsTag: update !== 'none',
    });
    return { lock };
  } catch (error) {
    if (!(error instanceof MillinerError) || isForAll(context, error)) throw error;
    return { failure: failureOf(error) };
  }
}

/** The planner has checked that a base that is no member has a lock. */
async function baseOf({ chain }: SetMember): Promise<LockedBase | undefined> {
  const loaded = chain.at(-2);
  const lock = loaded && (await readLock(loaded.lockPath));
  return lock && { loaded, lock };
}

const isForAll = ({ signal }: Context, { code }: MillinerError) =>
  signal?.aborted === true || code === 'INTERRUPTED' || code === 'DISK_FULL';
