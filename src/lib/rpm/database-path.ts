/** The directory of an image's rpm database, derived from its packages, because no header records it. */
import type { RpmPackage } from './package.ts';

/** The directory in Fedora since release 36; the one before that, and in RHEL up to 9. */
export const databasePlaces = ['usr/lib/sysimage/rpm', 'var/lib/rpm'];

/**
 * Absolute. The first set of packages that creates one of the directories decides: the image's own, or, for an image
 * without rpm, the rpm that installs it, which images built on it will have too.
 */
export function databasePath(...sets: Pick<RpmPackage, 'files'>[][]): string {
  for (const packages of sets) {
    const owned = new Set<string>(packages.flatMap(({ files }) => files.map(({ path }) => path)));
    const place = databasePlaces.find((candidate) => owned.has(candidate));
    if (place !== undefined) return `/${place}`;
  }
  return `/${databasePlaces[0]!}`;
}

/** Macros with the same value in every rpm that manages a system. */
const fixed: Record<string, string> = {
  _var: '/var',
  _localstatedir: '/var',
  _sharedstatedir: '/var/lib',
  _usr: '/usr',
  _prefix: '/usr',
  _datadir: '/usr/share',
};

const definition = /^%_dbpath[ \t]+(\S.*?)[ \t]*$/gm;

/** Absolute: the last definition in the text of macro files; undefined if it depends on the caller's environment. */
export function placeInMacros(text: string): string | undefined {
  const found = [...text.matchAll(definition)].at(-1)?.[1];
  const place = found
    ?.replaceAll(/%\{(\w+)\}/g, (word, name: string) => fixed[name] ?? word)
    .replaceAll(/\/+/g, '/');
  return place !== undefined && /^(?:\/[\w.+-]+)+$/.test(place) ? place : undefined;
}
