/** The search for packages: a condition such as `openssl < 3.2.4`, or the beginning of a name. */
import { meetsCondition, readCondition } from '../../lib/rpm/package-condition.ts';
import type { PackageData } from './site-data.ts';

/** Names that a search by the beginning shows. */
const maxNames = 40;

export interface FoundVersion {
  /** Positions in the list of packages, and in that of its versions. */
  package: number;
  version: number;
}

export interface Found {
  /** Whether it is a question about versions, which images answer. */
  isCondition: boolean;
  versions: FoundVersion[];
  /** Names that were found but are not shown. */
  more: number;
  fault?: string;
}

/** Positions of packages, the best first. */
export type SearchNames = (text: string) => number[];

export function findPackages(
  packages: readonly PackageData[],
  text: string,
  searchNames: SearchNames,
): Found {
  const isCondition = /[<>=]/.test(text);
  if (!isCondition) return findNames(packages, text.trim(), searchNames);
  const condition = readCondition(text);
  if ('fault' in condition) return { isCondition, versions: [], more: 0, fault: condition.fault };
  const position = packages.findIndex(([name]) => name === condition.name);
  const [name = '', versions = []] = packages[position] ?? [];
  const met = versions.flatMap(([epoch, version, release, arch], index) =>
    meetsCondition({ name, epoch, version, release, arch }, condition)
      ? [{ package: position, version: index }]
      : [],
  );
  return { isCondition, versions: met, more: 0 };
}

function findNames(packages: readonly PackageData[], text: string, searchNames: SearchNames): Found {
  if (text === '') return { isCondition: false, versions: [], more: 0 };
  const exact = packages.findIndex(([name]) => name === text);
  const found = [...new Set([...(exact < 0 ? [] : [exact]), ...searchNames(text)])];
  return {
    isCondition: false,
    versions: found
      .slice(0, maxNames)
      .flatMap((position) =>
        packages[position]![1].map((_, index) => ({ package: position, version: index })),
      ),
    more: Math.max(0, found.length - maxNames),
  };
}

export function evrText([epoch, version, release]: PackageData[1][number]): string {
  return `${epoch > 0 ? `${epoch}:` : ''}${version}-${release}`;
}
