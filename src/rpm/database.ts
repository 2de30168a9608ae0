/** rpm's sqlite database: what is installed. */
import { lstat } from 'node:fs/promises';
import { DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import { MillinerError } from '../errors.ts';
import { readFiles, type RpmFile } from './files.ts';
import { Header, type Refuse } from './header.ts';
import { describeHeader, readIdentity, type Nevra, type PackageInfo } from './package.ts';
import { readSchema } from './schema.ts';
import { readScriptlets, type Scriptlet } from './scriptlets.ts';
import { headerTags } from './tags.ts';

/** rpm's RPMFILE_STATE_*: what became of a file at installation. */
export const fileStates = ['normal', 'replaced', 'notinstalled', 'netshared', 'wrongcolor'] as const;
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

export function refuseDatabase(path: string): Refuse {
  return (what) => new MillinerError('RPMDB_INVALID', `rpm database ${path}: ${what}`, { details: { path } });
}

/**
 * Every package of an rpm database (the path of rpmdb.sqlite), public keys included, by row. Opened for reading
 * only; changes that rpm left in a -wal file beside it are seen, and no such file is made. Throws RPMDB_INVALID.
 */
export async function readInstalled(path: string): Promise<InstalledPackage[]> {
  const refuse = refuseDatabase(path);
  return withDatabase(path, refuse, (database) =>
    readRows(database, refuse).map(({ instance, header }) => {
      const info = describeHeader(header, refuse);
      const states = header.numbers(headerTags.FILESTATES);
      return {
        ...info,
        instance,
        fileStates: info.files.map((_, i) => stateName(states?.[i])),
        installTime: header.number(headerTags.INSTALLTIME) ?? 0,
      };
    }),
  );
}

/** NEVRAs of what is installed, in the order of rows; public keys are none. Throws RPMDB_INVALID. */
export async function readInstalledNames(path: string): Promise<string[]> {
  const refuse = refuseDatabase(path);
  const rows = await withDatabase(path, refuse, (database) =>
    readRows(database, refuse).map(({ header }) => readIdentity(header, refuse)),
  );
  return rows.filter(isPackage).map(({ nevra }) => nevra);
}

/** rpm keeps public keys among the packages. */
export function isPackage({ name, arch }: Pick<Nevra, 'name' | 'arch'>): boolean {
  return name !== 'gpg-pubkey' && arch !== '';
}

/** The packages whose scriptlets a transaction on top of these can run. */
export async function readInstalledScriptlets(
  path: string,
): Promise<{ nevra: string; name: string; scriptlets: Scriptlet[] }[]> {
  const refuse = refuseDatabase(path);
  return withDatabase(path, refuse, (database) =>
    readRows(database, refuse).flatMap(({ header }) => {
      const scriptlets = readScriptlets(header, refuse);
      if (scriptlets.length === 0) return [];
      const { nevra, name } = readIdentity(header, refuse);
      return [{ nevra, name, scriptlets }];
    }),
  );
}

/** Which files rpm has put where they belong, by NEVRA and index: not what was left out, or replaced by another's. */
export async function readInstalledFiles(path: string): Promise<(nevra: string, index: number) => boolean> {
  const refuse = refuseDatabase(path);
  const states = await withDatabase(path, refuse, (database) =>
    readRows(database, refuse).map(
      ({ header }) =>
        [readIdentity(header, refuse).nevra, header.numbers(headerTags.FILESTATES) ?? []] as const,
    ),
  );
  const byNevra = new Map(states);
  return (nevra, index) => stateName(byNevra.get(nevra)?.[index]) === 'normal';
}

/** The files of every package but those, which are known already. Throws RPMDB_INVALID. */
export async function readFilesOfOthers(
  path: string,
  known: ReadonlySet<string>,
): Promise<{ nevra: string; files: RpmFile[] }[]> {
  const refuse = refuseDatabase(path);
  return withDatabase(path, refuse, (database) =>
    readRows(database, refuse)
      .map(({ header }) => ({ nevra: readIdentity(header, refuse).nevra, header }))
      .filter(({ nevra }) => !known.has(nevra))
      .map(({ nevra, header }) => ({ nevra, files: readFiles(header, refuse) })),
  );
}

function stateName(state: number | undefined): FileState {
  return (state === undefined ? undefined : fileStates[state]) ?? 'missing';
}

export interface DatabaseRow {
  instance: number;
  header: Header;
}

/** Looks at the schema first: a view by the name of a table could do anything. */
export function readRows(database: DatabaseSync, refuse: Refuse): DatabaseRow[] {
  readSchema(database, refuse);
  const rows: DatabaseRow[] = [];
  for (const { hnum, blob } of database.prepare('SELECT hnum, blob FROM Packages ORDER BY hnum').iterate()) {
    if (typeof hnum !== 'number' || !(blob instanceof Uint8Array)) throw refuse('has a malformed row');
    const bytes = Buffer.from(blob.buffer, blob.byteOffset, blob.byteLength);
    const refuseRow: Refuse = (what) => refuse(`package ${hnum}: ${what}`);
    rows.push({ instance: hnum, header: new Header(bytes, 'database', refuseRow) });
  }
  return rows;
}

/** Opens for reading; what sqlite says of a damaged file becomes RPMDB_INVALID. */
export async function withDatabase<T>(
  path: string,
  refuse: Refuse,
  use: (database: DatabaseSync) => T | Promise<T>,
): Promise<T> {
  const url = pathToFileURL(path);
  // Without a journal to apply, `immutable` reads also from read-only mounts, and makes no -wal and -shm files.
  if (!(await hasJournal(path, refuse))) url.searchParams.set('immutable', '1');
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(url, { readOnly: true, enableForeignKeyConstraints: false });
    return await use(database);
  } catch (error) {
    if ((error as { code?: string }).code !== 'ERR_SQLITE_ERROR') throw error;
    throw refuse(`cannot be read (${(error as Error).message})`);
  } finally {
    database?.close();
  }
}

/** The database lies in a tree that packages filled: a link in its place would lead out of it. */
async function hasJournal(path: string, refuse: Refuse): Promise<boolean> {
  const sizes: number[] = [];
  for (const suffix of ['', '-wal', '-shm', '-journal']) {
    const status = await lstat(path + suffix).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' && suffix !== '') return undefined;
      throw refuse(`cannot be opened (${error.code})`);
    });
    if (status && !status.isFile()) throw refuse(`${path}${suffix} is not a regular file`);
    sizes.push(status?.size ?? 0);
  }
  const [, wal = 0, , journal = 0] = sizes;
  return wal > 0 || journal > 0;
}
