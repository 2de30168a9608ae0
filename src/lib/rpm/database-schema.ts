/**
 * The tables of rpm's sqlite database. They are checked before any SQL of the file is executed, because the file comes
 * from a sandbox.
 */
import type { DatabaseSync } from 'node:sqlite';
import type { Refuse } from './header.ts';

export interface Schema {
  /** Every CREATE statement as rpm wrote it, tables first, each in the order rpm made them. */
  tables: string[];
  indexes: string[];
  /** Names of the tables that map a key to packages. */
  indexTables: string[];
}

const packagesSql = "CREATE TABLE 'Packages' (hnum INTEGER PRIMARY KEY AUTOINCREMENT,blob BLOB NOT NULL)";
const indexTableSql =
  /^CREATE TABLE '([A-Za-z0-9]+)' \(key '(?:TEXT|BLOB)' NOT NULL, hnum INTEGER NOT NULL, idx INTEGER NOT NULL, FOREIGN KEY \(hnum\) REFERENCES 'Packages'\(hnum\)\)$/;
const indexSql = /^CREATE INDEX '([A-Za-z0-9]+)_(key|hnum)_idx' ON '\1'\(\2 ASC\)$/;

/** Reads the schema and accepts only the statements that rpm itself writes (lib/backend/sqlite.c). */
export function readSchema(database: DatabaseSync, refuse: Refuse): Schema {
  const schema: Schema = { tables: [], indexes: [], indexTables: [] };
  const rows = database.prepare('SELECT name, sql FROM sqlite_master ORDER BY rowid').all();
  for (const { name, sql } of rows) {
    // sqlite's own tables: the counter of AUTOINCREMENT, statistics.
    if (typeof name === 'string' && name.startsWith('sqlite_')) continue;
    if (typeof sql !== 'string') throw refuse('holds something without a definition');
    const table = indexTableSql.exec(sql);
    if (table?.[1] !== undefined) schema.indexTables.push(table[1]);
    if (table || sql === packagesSql) schema.tables.push(sql);
    else if (indexSql.test(sql)) schema.indexes.push(sql);
    else throw refuse(`holds ${JSON.stringify(name)}, which rpm does not write`);
  }
  if (!schema.tables.includes(packagesSql)) throw refuse('holds no packages table');
  return schema;
}
