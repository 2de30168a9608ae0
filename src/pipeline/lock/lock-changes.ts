/** What a lock has that another has not, by architecture: for the reviewer of the change. */
import { ownPackages, type Lock, type LockedArch, type LockedPackage } from '../../stages/lock/lock-file.ts';
import {
  changesBetween,
  isDowngrade,
  type PackageSet,
  type Replaced,
} from '../../stages/lock/package-changes.ts';

/** NEVRAs, in the order of the lock. */
export interface SetChanges {
  added: string[];
  removed: string[];
  updated: Replaced[];
  downgraded: Replaced[];
  /** The same NEVRA, another file. */
  rebuilt: string[];
}

export interface ArchChanges {
  /** Of the whole image, bases included. */
  packages: SetChanges;
  tools: SetChanges;
}

/** What an answer does to its base's packages: those that come beside them are no change. */
export function changesOfBase(answer: Pick<LockedArch, 'packages' | 'base' | 'removed'>): SetChanges {
  const removed = new Map(answer.removed.map((nevra) => [nevra, '']));
  return { ...changesOfSets(removed, digestsOf(ownPackages(answer))), added: [] };
}

/** An architecture that only one of them has counts as one without packages in the other. */
export function changesOfLocks(before: Lock | undefined, now: Lock): Record<string, ArchChanges> {
  const names = new Set([...Object.keys(before?.arches ?? {}), ...Object.keys(now.arches)]);
  return Object.fromEntries(
    [...names].map((arch) => {
      const [old, current] = [before?.arches[arch], now.arches[arch]];
      const packages = changesOf(old?.packages ?? [], current?.packages ?? []);
      return [arch, { packages, tools: changesOf(toolsOf(old), toolsOf(current)) }];
    }),
  );
}

export function isEmpty({ added, removed, updated, downgraded, rebuilt }: SetChanges): boolean {
  return [added, removed, updated, downgraded, rebuilt].every((list) => list.length === 0);
}

function changesOf(before: LockedPackage[], now: LockedPackage[]): SetChanges {
  return changesOfSets(digestsOf(before), digestsOf(now));
}

const digestsOf = (packages: readonly LockedPackage[]) =>
  new Map(packages.map(({ nevra, sha256 }) => [nevra, sha256]));

function changesOfSets(before: PackageSet, now: PackageSet): SetChanges {
  const { added, removed, replaced } = changesBetween(before, now);
  const [rebuilt, others] = partition(replaced, ({ from, to }) => from === to);
  const [downgraded, updated] = partition(others, isDowngrade);
  return { added, removed, updated, downgraded, rebuilt: rebuilt.map(({ to }) => to) };
}

function partition<T>(all: readonly T[], isFirst: (one: T) => boolean): [T[], T[]] {
  return [all.filter(isFirst), all.filter((one) => !isFirst(one))];
}

/** What the host brings itself is no part of the lock. */
function toolsOf(answer: LockedArch | undefined): LockedPackage[] {
  return answer && Array.isArray(answer.tools) ? answer.tools : [];
}
