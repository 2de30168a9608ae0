/** What one set of packages has that another has not. */
import { compareEvr, parseEvr } from '../../lib/rpm/evr.ts';

/** SHA-256 of each package's file by NEVRA. */
export type PackageSet = ReadonlyMap<string, string>;

export interface Replaced {
  from: string;
  to: string;
}

/** NEVRAs. What was built again without a new release stands for itself. */
export interface PackageChanges {
  added: string[];
  removed: string[];
  replaced: Replaced[];
}

export function changesBetween(before: PackageSet, now: PackageSet): PackageChanges {
  const removedNevras = [...before]
    .filter(([nevra, sha256]) => now.get(nevra) !== sha256)
    .map(([nevra]) => nevra);
  const come = [...now].filter(([nevra, sha256]) => before.get(nevra) !== sha256).map(([nevra]) => nevra);
  const predecessors = Map.groupBy(removedNevras, (nevra) => partsOf(nevra).key);
  const replaced: Replaced[] = [];
  const added: string[] = [];
  for (const to of come) {
    // Several versions side by side (kernels): each new one takes the place of one that has gone.
    const from = predecessors.get(partsOf(to).key)?.shift();
    if (from === undefined) added.push(to);
    else replaced.push({ from, to });
  }
  return { added, removed: [...predecessors.values()].flat(), replaced };
}

/** Older than what it takes the place of. */
export function isDowngrade({ from, to }: Replaced): boolean {
  return compareEvr(parseEvr(partsOf(to).evr), parseEvr(partsOf(from).evr)) < 0;
}

/** Name and architecture are what an update leaves as they are. */
function partsOf(nevra: string): { key: string; evr: string } {
  const [, name = nevra, evr = '', arch = ''] = /^(.+)-([^-]+-[^-]+)\.([^.]+)$/.exec(nevra) ?? [];
  return { key: `${name}.${arch}`, evr };
}
