/** Explains why a package is in a solution, or why not, from libsolv's rules. */
import { nevraText, type Nevra } from '../../lib/rpm/package.ts';
import type { AddonOutput, AddonPackage, AddonReason, AddonAbsence } from './addon.ts';

/**
 * One step of the shortest path from the request to a package: follow `by` until it is absent.
 * - asked: `dependency` is the word, or the group member
 * - requires, recommends: `by` has that dependency
 * - supplements: the package itself supplements `by`
 * - replaces: the package updates or obsoletes the installed package `by`
 * - other: `dependency` has libsolv's own reason, if there is one
 */
export type Reason = AddonReason;

interface Candidate extends Nevra {
  /** The repository's name; empty for an installed package. */
  repo: string;
}

/** Why no package that matches a word is in the solution. Packages in `by` are NEVRAs. */
export type Absence = { candidates: Candidate[] } & (
  | { kind: 'present'; by: string[] }
  /** No repository has it for this architecture; `detail` is the reason in words. */
  | { kind: 'unknown'; detail: string }
  /** Excluded by the recipe, by a repository's definition, by a pin, or by a module that is not enabled. */
  | { kind: 'excluded' }
  /**
   * Another package of the same name was chosen: by repository priority or cost, because it is newer, or because it is
   * needed.
   */
  | { kind: 'version'; by: string[]; detail: 'installed' | 'priority' | 'cost' | 'newer' | 'needed' }
  /** Packages in the solution obsolete it. */
  | { kind: 'replaced'; by: string[] }
  /** If it were requested too, there would be no solution. */
  | { kind: 'refused'; problems: string[][] }
  /** Only weak dependencies lead to it. They are disabled, their condition is false, or it cannot be installed. */
  | { kind: 'weak'; by: string[]; dependency: string }
  | { kind: 'unneeded' }
);

/** Reasons by NEVRA. */
export function reasonsOf({ packages, reasons }: AddonOutput): Map<string, Reason> {
  return new Map(packages.map((one, index) => [nevraText(one), reasons[index]!]));
}

export function absenceOf({ candidates, ...found }: AddonAbsence): Absence {
  return { ...found, candidates: candidates.map(candidateOf) } as Absence;
}

function candidateOf({ repo, name, epoch, version, release, arch }: AddonPackage): Candidate {
  return { repo, name, epoch, version, release, arch };
}
