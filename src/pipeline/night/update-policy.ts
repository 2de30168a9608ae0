/** Which packages of a lock a night may move, by the policy of the set. */
import type { LockedPackage } from '../../stages/lock/lock-file.ts';
import type { SetMember } from '../../stages/recipe/load-set.ts';
import { isMeant, type Moves } from '../lock/update.ts';

/**
 * Undefined where everything may move: then the packages are solved anew.
 * @param vulnerable NEVRAs for which there is a security advisory
 */
export function movesUnder(
  { update, hold }: Pick<SetMember, 'update' | 'hold'>,
  vulnerable: ReadonlySet<string>,
): Moves | undefined {
  const isHeld = (one: LockedPackage) => hold.some((word) => isMeant(word, one));
  if (update === 'none') return () => false;
  if (update === 'security') return (one) => vulnerable.has(one.nevra) && !isHeld(one);
  return hold.length === 0 ? undefined : (one) => !isHeld(one);
}
