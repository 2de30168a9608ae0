/**
 * When each package was being installed: from the first to the last thing that is certainly of its turn, which are its
 * own files as rpm made them and its own %pre and %post. Turns do not interleave, so what lies between is of it too.
 */
import { runningAt } from '../../../lib/container/trace.ts';
import type { Run } from '../../install/scriptlet-runs.ts';
import { isAsPackaged, isInherited } from '../packages/packaged.ts';
import { isRegular } from '../tree.ts';
import type { InstalledTree } from './normalize.ts';

export interface Turn {
  nevra: string;
  /** Nanoseconds since 1970. */
  from: bigint;
  to: bigint;
}

export function packageTurns(installed: InstalledTree, runs: readonly Run[]): Turn[] {
  const turns = new Map<string, Turn>();
  const extend = (nevra: string, from: bigint, to: bigint) => {
    const turn = turns.get(nevra);
    if (!turn) turns.set(nevra, { nevra, from, to });
    else
      turns.set(nevra, { nevra, from: from < turn.from ? from : turn.from, to: to > turn.to ? to : turn.to });
  };
  for (const { scriptlet, begin, end } of runs) {
    if (scriptlet?.kind === 'pre' || scriptlet?.kind === 'post') extend(scriptlet.nevra, begin, end);
  }
  for (const entry of installed.tree.values()) {
    const [owner, ...others] = installed.packaged.get(entry.path) ?? [];
    const made = entry.btimeNanoseconds;
    if (!owner || others.length > 0 || made === undefined || !isRegular(entry)) continue;
    if (isInherited(entry, installed.parent) || !isAsPackaged(entry, installed.packaged)) continue;
    // A copy that a scriptlet has made of it can bear the same time of change.
    if (runningAt(runs, made) === undefined) extend(owner.nevra, made, made);
  }
  return withoutOverlap([...turns.values()]);
}

/** Those that overlap contradict each other: neither is known. */
function withoutOverlap(turns: readonly Turn[]): Turn[] {
  const sorted = turns.toSorted((a, b) => (a.from < b.from ? -1 : 1));
  let last = -1n;
  return sorted.filter((turn, i) => {
    const before = last;
    if (turn.to > last) last = turn.to;
    const next = sorted[i + 1];
    return turn.from > before && (!next || turn.to < next.from);
  });
}
