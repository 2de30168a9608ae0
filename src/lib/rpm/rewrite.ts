/** Writes the canonical form of a database, in the process that reads it. */
import { DatabaseSync } from 'node:sqlite';
import { MillinerError } from '../errors/error.ts';
import { readSchema, type Schema } from './database-schema.ts';
import { Header, type Refuse, type TagNumber } from './header.ts';
import { readIdentity } from './package.ts';
import { settledStates } from './settled-states.ts';
import { rowsIn, type RawRow } from './sqlite.ts';
import { headerTags } from './tags.ts';

export interface RewriteOptions {
  /** Path of the new file. */
  target: string;
  /** Seconds since 1970. */
  installTime: number;
}

/** SQLITE_FULL */
const sqliteFull = 13;

interface CanonicalRow {
  /** Its old row. */
  instance: number;
  /** Its old INSTALLTID. */
  transaction: number | undefined;
  sortKey: string;
  blob: Buffer;
}

interface NumberedRow {
  number: number;
  transaction: number | undefined;
  installTime: number;
}

/** Returns the rows that it wrote. */
export function rewriteDatabase(
  source: DatabaseSync,
  { target, installTime }: RewriteOptions,
  refuse: Refuse,
): RawRow[] {
  const rows = canonicalRows(source, installTime, refuse);
  writeDatabase(target, source, readSchema(source, refuse), rows, installTime, refuse);
  return rows.map(({ blob }, i) => ({ instance: i + 1, blob }));
}

function canonicalRows(source: DatabaseSync, installTime: number, refuse: Refuse): CanonicalRow[] {
  const rows = [...rowsIn(source, refuse)].map((row) => {
    const header = new Header(row.blob, 'database', (what) => refuse(`package ${row.instance}: ${what}`));
    const states = settledStates(header, refuse);
    return {
      instance: row.instance,
      transaction: header.number(headerTags.INSTALLTID),
      sortKey: readIdentity(header, refuse).nevra,
      blob: header.patched([
        [headerTags.INSTALLTIME, installTime],
        [headerTags.INSTALLTID, installTime],
        ...(states ? [[headerTags.FILESTATES, states] as [TagNumber, number[]]] : []),
      ]),
    };
  });
  // Packages may share a NEVRA (public keys, forced installs); then their bytes decide.
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
    // After the rows, so that each index is built once, sorted.
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

/** Copies an index table with the packages' new numbers, in the order of package, position and key. */
function copyIndex(
  source: DatabaseSync,
  target: DatabaseSync,
  table: string,
  byInstance: ReadonlyMap<number, NumberedRow>,
  refuse: Refuse,
): void {
  // As bytes, because file names need not be UTF-8. The table's name is checked: letters and digits.
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

/** rpm stores numbers in the byte order of its machine, which the old key shows. */
function transactionKey(old: Uint8Array, { transaction, installTime }: NumberedRow): Buffer {
  const key = Buffer.from(old);
  if (key.length === 4 && key.readUInt32LE(0) === transaction) key.writeUInt32LE(installTime);
  else if (key.length === 4 && key.readUInt32BE(0) === transaction) key.writeUInt32BE(installTime);
  return key;
}
