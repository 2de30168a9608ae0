/**
 * Compares the rpm database with the lock: rpm also exits with 0 if it left a package out, or erased one that should
 * stay.
 */
import { MillinerError } from '../../lib/errors/error.ts';
import { parseNevra } from '../../lib/rpm/package.ts';

export interface SetDifference {
  /** NEVRAs in the lock but not in the database. */
  missing: string[];
  /** NEVRAs in the database but not in the lock. */
  extra: string[];
}

/** A NEVRA may occur twice, because some bases have duplicates. */
export function differenceOfSets(locked: readonly string[], installed: readonly string[]): SetDifference {
  return { missing: subtract(locked, installed), extra: subtract(installed, locked) };
}

function subtract(all: readonly string[], others: readonly string[]): string[] {
  const counts = new Map<string, number>();
  for (const one of others) counts.set(one, (counts.get(one) ?? 0) + 1);
  const remaining = all.filter((one) => {
    const count = counts.get(one) ?? 0;
    counts.set(one, count - 1);
    return count <= 0;
  });
  return remaining.toSorted();
}

/** Throws DATABASE_DIFFERS. `words` are further possible reasons. */
export function checkDatabase(
  locked: readonly string[],
  installed: readonly string[],
  words: readonly string[],
): void {
  const difference = differenceOfSets(locked, installed);
  if (difference.missing.length + difference.extra.length > 0) throw databaseError(difference, words);
}

/**
 * If %pre fails, rpm does not install the package, whether the recipe allows the failure or not, and exits with a
 * number.
 */
const beforeFiles = /^%pre(?:trans)?\((.+)\)$/;

/** Throws DATABASE_DIFFERS if only packages are missing whose %pre the recipe allows to fail. */
export function checkAllowed(
  locked: readonly string[],
  installed: readonly string[],
  allowed: readonly string[],
  words: readonly string[],
): void {
  const names = new Set(allowed.map((word) => beforeFiles.exec(word)?.[1]));
  const difference = differenceOfSets(locked, installed);
  const isExplained = difference.missing.every((nevra) => names.has(parseNevra(nevra)?.name ?? ''));
  if (difference.missing.length > 0 && isExplained) throw databaseError(difference, words);
}

const maxListed = 50;

function databaseError({ missing, extra }: SetDifference, words: readonly string[]): MillinerError {
  const lines = [
    ...missing.map((nevra) => `${nevra} is locked, but not installed`),
    ...extra.map((nevra) => `${nevra} is installed, but not locked`),
    ...words,
  ];
  return new MillinerError('DATABASE_DIFFERS', lines.slice(0, maxListed).join('\n'), {
    details: { missing, extra },
  });
}
