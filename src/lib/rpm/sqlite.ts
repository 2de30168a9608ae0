/**
 * Reads rpm's database with SQLite. To be used only in a confined process, because the file comes from a container or
 * an untrusted image (database-process.ts).
 */
import { DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import { readSchema } from './database-schema.ts';
import type { Refuse } from './header.ts';

export interface Source {
  /** Absolute. */
  path: string;
  /** Whether a journal beside it has changes that are not in it yet. */
  hasJournal: boolean;
}

/** A package's row with its header. */
export interface RawRow {
  instance: number;
  blob: Buffer;
}

/** Opens the database and writes nothing beside it; SQLite's errors for a damaged file become the refusal. */
export function withDatabase<T>(
  { path, hasJournal }: Source,
  refuse: Refuse,
  use: (database: DatabaseSync) => T,
): T {
  const url = pathToFileURL(path);
  // No other process has it open, so SQLite needs no locks, and keeps the journal's index in memory.
  if (hasJournal) url.searchParams.set('vfs', 'unix-none');
  else url.searchParams.set('immutable', '1');
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(url, { readOnly: true, enableForeignKeyConstraints: false });
    if (hasJournal) database.exec('PRAGMA locking_mode = EXCLUSIVE');
    return use(database);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    // The second code is for a number that JavaScript cannot represent.
    if (code !== 'ERR_SQLITE_ERROR' && code !== 'ERR_OUT_OF_RANGE') throw error;
    throw refuse(`cannot be read (${message})`);
  } finally {
    database?.close();
  }
}

/** In the order of rows. Checks the schema first, because a view with the name of a table could run any SQL. */
export function* rowsIn(database: DatabaseSync, refuse: Refuse): Generator<RawRow> {
  readSchema(database, refuse);
  for (const { hnum, blob } of database.prepare('SELECT hnum, blob FROM Packages ORDER BY hnum').iterate()) {
    if (typeof hnum !== 'number' || !(blob instanceof Uint8Array)) throw refuse('has a malformed row');
    yield { instance: hnum, blob: Buffer.from(blob.buffer, blob.byteOffset, blob.byteLength) };
  }
}
