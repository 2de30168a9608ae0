/** The difference between two sets of packages. */
import { compareEvr, parseEvr } from '../../lib/rpm/version-order.ts';

/** SHA-256 of each package's file by NEVRA. */
export type PackageSet = ReadonlyMap<string, string>;

export interface Replaced {
  from: string;
  to: string;
}

/** NEVRAs. A package that was rebuilt without a new release replaces itself. */
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
  const predecessors = Map.groupBy(removedNevras, (nevra) => splitNevra(nevra).key);
  const replaced: Replaced[] = [];
  const added: string[] = [];
  for (const to of come) {
    // With several versions side by side (kernels), each new one replaces one that was removed.
    const from = predecessors.get(splitNevra(to).key)?.shift();
    if (from === undefined) added.push(to);
    else replaced.push({ from, to });
  }
  return { added, removed: [...predecessors.values()].flat(), replaced };
}

/** Whether the new version is lower than the replaced one. */
export function isDowngrade({ from, to }: Replaced): boolean {
  return compareEvr(parseEvr(splitNevra(to).evr), parseEvr(splitNevra(from).evr)) < 0;
}

/** An update changes the EVR, and keeps name and architecture. */
function splitNevra(nevra: string): { key: string; evr: string } {
  const [, name = nevra, evr = '', arch = ''] = /^(.+)-([^-]+-[^-]+)\.([^.]+)$/.exec(nevra) ?? [];
  return { key: `${name}.${arch}`, evr };
}
