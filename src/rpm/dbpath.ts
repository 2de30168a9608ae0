/** Where an image keeps its rpm database, as its packages have it: no header says it. */
import type { RpmPackage } from './package.ts';

/** Fedora's place since release 36, and before that, and in RHEL up to 9. */
export const databasePlaces = ['usr/lib/sysimage/rpm', 'var/lib/rpm'];

/**
 * Absolute. The first set that makes one of the places decides: the image's own packages, or, for one without rpm,
 * those of the rpm that installs it, which an image built on it will have.
 */
export function databasePath(...sets: Pick<RpmPackage, 'files'>[][]): string {
  for (const packages of sets) {
    const owned = new Set<string>(packages.flatMap(({ files }) => files.map(({ path }) => path)));
    const place = databasePlaces.find((candidate) => owned.has(candidate));
    if (place !== undefined) return `/${place}`;
  }
  return `/${databasePlaces[0]!}`;
}
