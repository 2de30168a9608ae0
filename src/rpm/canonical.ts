/** The same packages, the same rpm database, byte for byte. */
import { randomBytes } from 'node:crypto';
import { open, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { MillinerError } from '../errors.ts';
import { asStorageError, syncPath } from '../host/files.ts';
import { readRows, refuseDatabase, withDatabase } from './database.ts';
import type { Refuse, TagNumber } from './header.ts';
import { readIdentity } from './package.ts';
import { readSchema, type Schema } from './schema.ts';
import { settledStates } from './settle.ts';
import { headerTags } from './tags.ts';

export interface CanonicalOptions {
  /** Seconds since 1970, written as time and transaction of every installation. */
  installTime: number;
}

/** SQLITE_FULL */
const sqliteFull = 13;

interface CanonicalRow {
  /** The row it had. */
  instance: number;
  /** The INSTALLTID it had. */
  transaction: number | undefined;
  sortKey: string;
  blob: Buffer;
}

interface NumberedRow {
  number: number;
  transaction: number | undefined;
  installTime: number;
}

/**
 * Rewrites the rpm database at `path` (rpmdb.sqlite) in one form that depends only on the packages in it: rows in
 * the order of their NEVRA, numbered from 1, one install time, every file there that is there, no journal. The new file takes the old one's place
 * whole or not at all, with its mode and owner. No other process may have it open. Throws RPMDB_INVALID.
 */
export async function canonicalizeDatabase(path: string, options: CanonicalOptions): Promise<void> {
  const refuse = refuseDatabase(path);
  const temporary = join(dirname(path), `.${randomBytes(6).toString('hex')}.rpmdb`);
  try {
    await withDatabase(path, refuse, (source) => {
      const rows = canonicalRows(source, options.installTime, refuse);
      writeDatabase(temporary, source, readSchema(source, refuse), rows, options.installTime, refuse);
    });
    await finishFile(temporary, path);
    // The journal first: were it left beside the new file, sqlite would apply it to that.
    for (const suffix of ['-wal', '-shm', '-journal']) await rm(path + suffix, { force: true });
    await rename(temporary, path);
    await syncPath(dirname(path));
  } catch (error) {
    throw asStorageError(error, path);
  } finally {
    for (const suffix of ['', '-journal']) await rm(temporary + suffix, { force: true });
  }
}

function canonicalRows(source: DatabaseSync, installTime: number, refuse: Refuse): CanonicalRow[] {
  const rows = readRows(source, refuse).map(({ instance, header }) => {
    const states = settledStates(header, refuse);
    return {
      instance,
      transaction: header.number(headerTags.INSTALLTID),
      sortKey: readIdentity(header, refuse).nevra,
      blob: header.patched([
        [headerTags.INSTALLTIME, installTime],
        [headerTags.INSTALLTID, installTime],
        ...(states ? [[headerTags.FILESTATES, states] as [TagNumber, number[]]] : []),
      ]),
    };
  });
  // Packages may share a NEVRA (public keys, forced installs); their bytes then decide.
  return rows.toSorted((a, b) =>
    a.sortKey === b.sortKey ? Buffer.compare(a.blob, b.blob) : a.sortKey < b.sortKey ? -1 : 1,
  );
}

function writeDatabase(
  path: string,
  source: DatabaseSync,
  schema: Schema,
  rows: readonly CanonicalRow[],
  installTime: number,
  refuse: Refuse,
): void {
  const target = new DatabaseSync(path, { enableForeignKeyConstraints: false });
  try {
    target.exec('PRAGMA page_size = 4096; PRAGMA auto_vacuum = NONE; PRAGMA encoding = "UTF-8"');
    target.exec('PRAGMA journal_mode = DELETE; PRAGMA synchronous = OFF; BEGIN');
    for (const sql of schema.tables) target.exec(sql);
    const byInstance = new Map<number, NumberedRow>();
    const insert = target.prepare('INSERT INTO Packages (hnum, blob) VALUES (?, ?)');
    for (const [i, { instance, blob, transaction }] of rows.entries()) {
      byInstance.set(instance, { number: i + 1, transaction, installTime });
      insert.run(i + 1, blob);
    }
    for (const name of schema.indexTables) copyIndex(source, target, name, byInstance, refuse);
    // After the rows, so that each index is built in one go, sorted.
    for (const sql of schema.indexes) target.exec(sql);
    target.exec('COMMIT');
  } catch (error) {
    if ((error as { errcode?: number }).errcode !== sqliteFull) throw error;
    throw new MillinerError('DISK_FULL', `no space left writing ${path}`, {
      cause: error,
      details: { path },
    });
  } finally {
    target.close();
  }
}

/** An index table's rows with their packages' new numbers, in the order of package, position and key. */
function copyIndex(
  source: DatabaseSync,
  target: DatabaseSync,
  table: string,
  byInstance: ReadonlyMap<number, NumberedRow>,
  refuse: Refuse,
): void {
  // As bytes: file names need not be UTF-8. The table's name has been checked: letters and digits.
  const select = source.prepare(
    `SELECT typeof(key) AS type, CAST(key AS BLOB) AS key, hnum, idx FROM "${table}" ORDER BY idx, key`,
  );
  const perPackage: [type: unknown, key: Uint8Array, idx: number][][] = [];
  for (const { type, key, hnum, idx } of select.iterate()) {
    const row = typeof hnum === 'number' ? byInstance.get(hnum) : undefined;
    if (!row) throw refuse(`the index ${table} names a package that is not there`);
    if (!(key instanceof Uint8Array) || typeof idx !== 'number') {
      throw refuse(`the index ${table} has a malformed row`);
    }
    const entries = (perPackage[row.number] ??= []);
    entries.push([type, table === 'Installtid' ? transactionKey(key, row) : key, idx]);
  }
  const insertText = target.prepare(`INSERT INTO "${table}" (key, hnum, idx) VALUES (CAST(? AS TEXT), ?, ?)`);
  const insertBlob = target.prepare(`INSERT INTO "${table}" (key, hnum, idx) VALUES (?, ?, ?)`);
  for (const [number, entries] of perPackage.entries()) {
    for (const [type, key, idx] of entries ?? []) {
      (type === 'text' ? insertText : insertBlob).run(key, number, idx);
    }
  }
}

/** rpm keeps numbers in the byte order of the machine that it ran on, which the old key shows. */
function transactionKey(old: Uint8Array, { transaction, installTime }: NumberedRow): Buffer {
  const key = Buffer.from(old);
  if (key.length === 4 && key.readUInt32LE(0) === transaction) key.writeUInt32LE(installTime);
  else if (key.length === 4 && key.readUInt32BE(0) === transaction) key.writeUInt32BE(installTime);
  return key;
}

const changeCounter = 24;
const versionValidFor = 92;
const sqliteVersion = 96;

/** Counter and version in the file header say how the file came to be, not what it holds: 1, and the oldest format. */
async function finishFile(path: string, like: string): Promise<void> {
  const { mode, uid, gid } = await stat(like);
  const handle = await open(path, 'r+');
  try {
    const field = Buffer.alloc(4);
    for (const [at, value] of [
      [changeCounter, 1],
      [versionValidFor, 1],
      [sqliteVersion, 3_008_000],
    ] as const) {
      field.writeUInt32BE(value);
      await handle.write(field, 0, 4, at);
    }
    await handle.chmod(mode & 0o7777);
    await handle.chown(uid, gid);
    await handle.sync();
  } finally {
    await handle.close();
  }
}
