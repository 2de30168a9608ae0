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

/** Where these lie is the same in every rpm that keeps a system's database. */
const fixed: Record<string, string> = {
  _var: '/var',
  _localstatedir: '/var',
  _sharedstatedir: '/var/lib',
  _usr: '/usr',
  _prefix: '/usr',
  _datadir: '/usr/share',
};

const definition = /^%_dbpath[ \t]+(\S.*?)[ \t]*$/gm;

/** Absolute: what the last definition in the text of macro files says; undefined where it depends on who asks. */
export function placeInMacros(text: string): string | undefined {
  const found = [...text.matchAll(definition)].at(-1)?.[1];
  const place = found
    ?.replaceAll(/%\{(\w+)\}/g, (word, name: string) => fixed[name] ?? word)
    .replaceAll(/\/+/g, '/');
  return place !== undefined && /^(?:\/[\w.+-]+)+$/.test(place) ? place : undefined;
}
