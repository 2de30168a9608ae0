/**
 * When each package was being installed: from the first to the last change that is certainly part of its installation,
 * which are its own files as rpm made them, and its %pre and %post. Installations of packages do not overlap, so
 * changes in between belong to it too.
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
    // A copy that a scriptlet made of it can have the same time.
    if (runningAt(runs, made) === undefined) extend(owner.nevra, made, made);
  }
  return withoutOverlap([...turns.values()]);
}

/** Turns that overlap are contradictory, so none of them is used. */
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
