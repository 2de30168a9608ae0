/** Installed packages, from rpm's sqlite database. */
import { readRows, refuseDatabase, type DatabaseRow } from './database-process.ts';
import { readFiles, type RpmFile } from './file-list.ts';
import type { Refuse } from './header.ts';
import { describeHeader, readIdentity, type Nevra, type PackageInfo } from './package.ts';
import { readScriptlets, type Scriptlet } from './scriptlets.ts';
import { fileStates } from './settled-states.ts';
import { headerTags } from './tags.ts';

export type FileState = (typeof fileStates)[number] | 'missing';

export interface InstalledPackage extends PackageInfo {
  /** The row of the database. */
  instance: number;
  /** One for each of `files`. `missing`: rpm recorded none. */
  fileStates: FileState[];
  /** Seconds since 1970. */
  installTime: number;
}

export const databaseFile = 'rpmdb.sqlite';

/**
 * Every package of an rpm database (the path of rpmdb.sqlite), public keys included, by row. Opens it read-only.
 * Changes in a -wal file beside it are included, and no such file is made. Throws RPMDB_INVALID.
 */
export async function readInstalled(path: string, read = readRows): Promise<InstalledPackage[]> {
  return readEach(
    path,
    ({ instance, header }, refuse) => {
      const info = describeHeader(header, refuse);
      const states = header.numbers(headerTags.FILESTATES);
      return {
        ...info,
        instance,
        fileStates: info.files.map((_, i) => stateName(states?.[i])),
        installTime: header.number(headerTags.INSTALLTIME) ?? 0,
      };
    },
    read,
  );
}

/** NEVRAs of the installed packages, without public keys, in the order of rows. Throws RPMDB_INVALID. */
export async function readInstalledNames(path: string): Promise<string[]> {
  const rows = await readEach(path, ({ header }, refuse) => readIdentity(header, refuse));
  return rows.filter(isPackage).map(({ nevra }) => nevra);
}

/** rpm stores public keys among the packages. */
export function isPackage({ name, arch }: Pick<Nevra, 'name' | 'arch'>): boolean {
  return name !== 'gpg-pubkey' && arch !== '';
}

/** Installed packages with scriptlets that a later transaction can run. */
export async function readInstalledScriptlets(
  path: string,
): Promise<{ nevra: string; name: string; scriptlets: Scriptlet[] }[]> {
  const all = await readEach(path, ({ header }, refuse) => {
    const scriptlets = readScriptlets(header, refuse);
    if (scriptlets.length === 0) return [];
    const { nevra, name } = readIdentity(header, refuse);
    return [{ nevra, name, scriptlets }];
  });
  return all.flat();
}

/** The files of a package, and what rpm recorded of each. */
export interface InstalledFiles {
  nevra: string;
  files: readonly RpmFile[];
  states: readonly FileState[];
}

/**
 * Without public keys, in the order of rows.
 *
 * @param known files by NEVRA of packages whose headers were read before; those of others are read from the rows
 */
export async function installedFiles(
  rows: AsyncIterable<DatabaseRow>,
  known: ReadonlyMap<string, readonly RpmFile[]>,
  refuse: Refuse,
): Promise<InstalledFiles[]> {
  const all = await Array.fromAsync(rows, ({ header }) => {
    const identity = readIdentity(header, refuse);
    if (!isPackage(identity)) return [];
    const { nevra } = identity;
    const files = known.get(nevra) ?? readFiles(header, refuse);
    const states = header.numbers(headerTags.FILESTATES);
    return [{ nevra, files, states: files.map((_, i) => stateName(states?.[i])) }];
  });
  return all.flat();
}

/**
 * Whether rpm installed a file, by NEVRA and index: false for files that were excluded, or replaced by another
 * package's.
 */
export type IsInstalled = (nevra: string, index: number) => boolean;

export function isInstalledIn(packages: readonly InstalledFiles[]): IsInstalled {
  const byNevra = new Map(packages.map(({ nevra, states }) => [nevra, states]));
  return (nevra, index) => byNevra.get(nevra)?.[index] === 'normal';
}

function stateName(state: number | undefined): FileState {
  return (state === undefined ? undefined : fileStates[state]) ?? 'missing';
}

/** Maps each row; no header is kept. */
async function readEach<T>(
  path: string,
  take: (row: DatabaseRow, refuse: Refuse) => T,
  read = readRows,
): Promise<T[]> {
  const refuse = refuseDatabase(path);
  return Array.fromAsync(read(path, refuse), (row) => take(row, refuse));
}
