/** The headers of a lock's packages, as far as their files are at hand without a download. */
import { access } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readPackage, type RpmPackage } from '../../lib/rpm/package.ts';
import type { LockedPackage } from '../../stages/lock/lock-file.ts';

interface LocalPackages {
  packages: RpmPackage[];
  /** How many are not at hand. */
  missing: number;
}

/** @param state directory that may have the packages already */
export async function localPackages(
  packages: readonly LockedPackage[],
  lockPath: string,
  state: string,
): Promise<LocalPackages> {
  const found: RpmPackage[] = [];
  for (const { url, sha256 } of packages) {
    const path = await firstReadable([join(state, 'blobs', 'sha256', sha256), ...placeOf(url, lockPath)]);
    if (path !== undefined) found.push(await readPackage(path));
  }
  return { packages: found, missing: packages.length - found.length };
}

function placeOf(url: string, lockPath: string): string[] {
  if (url.startsWith('file://')) return [fileURLToPath(url)];
  return /^[a-z]+:/.test(url) ? [] : [resolve(dirname(lockPath), url)];
}

async function firstReadable(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) {
    const isReadable = await access(path).then(
      () => true,
      () => false,
    );
    if (isReadable) return path;
  }
  return undefined;
}
