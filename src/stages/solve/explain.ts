/** Why a package is in an answer, and why another is not: facts for people, from libsolv's rules. */
import { nevraText, type Nevra } from '../../lib/rpm/package.ts';
import type { AddonOutput, AddonPackage, AddonReason, AddonWhyNot } from './addon.ts';

/**
 * The shortest way to a package from what was asked for, one step of it: follow `by` until it is absent.
 * - asked: `dependency` is the word, or the member of a group
 * - requires, recommends: `by` has that dependency
 * - supplements: the package itself supplements `by`
 * - replaces: an installed package, `by`, for which it is the update or the successor
 * - other: what libsolv says of it is in `dependency`, if it says anything
 */
export type Reason = AddonReason;

export interface Candidate extends Nevra {
  /** The repository's name; empty where it is installed. */
  repo: string;
}

/** Why nothing that a word names is in the answer. Packages in `by` are given by NEVRA. */
export type WhyNot = { candidates: Candidate[] } & (
  | { kind: 'present'; by: string[] }
  /** No repository has it for this architecture; `detail` says so in words. */
  | { kind: 'unknown'; detail: string }
  /** By the recipe, by a repository's definition, by a pin or by a module that is not enabled. */
  | { kind: 'excluded' }
  /** Another package of the same name is there: of a repository with a better priority or lower cost, newer, or needed. */
  | { kind: 'version'; by: string[]; detail: 'installed' | 'priority' | 'cost' | 'newer' | 'needed' }
  /** Packages that obsolete it are there. */
  | { kind: 'replaced'; by: string[] }
  /** Asked for as well, there would be no answer. */
  | { kind: 'refused'; problems: string[][] }
  /** Only weak dependencies speak of it, and they are off, or their condition does not hold, or it cannot be had. */
  | { kind: 'weak'; by: string[]; dependency: string }
  | { kind: 'unneeded' }
);

/** By NEVRA. */
export function reasonsOf({ packages, reasons }: AddonOutput): Map<string, Reason> {
  return new Map(packages.map((one, index) => [nevraText(one), reasons[index]!]));
}

export function whyNotOf({ candidates, ...found }: AddonWhyNot): WhyNot {
  return { ...found, candidates: candidates.map(candidateOf) } as WhyNot;
}

function candidateOf({ repo, name, epoch, version, release, arch }: AddonPackage): Candidate {
  return { repo, name, epoch, version, release, arch };
}
