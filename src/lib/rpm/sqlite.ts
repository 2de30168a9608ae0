/**
 * rpm's database as SQLite reads it. Not in a process that may do anything: the file came out of a container, or with a
 * stranger's image (database-process.ts).
 */
import { DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import { readSchema } from './database-schema.ts';
import type { Refuse } from './header.ts';

export interface Source {
  /** Absolute. */
  path: string;
  /** Whether changes lie beside it that are not in it yet. */
  hasJournal: boolean;
}

/** A package's row, its header as it stands there. */
export interface RawRow {
  instance: number;
  blob: Buffer;
}

/** Opens for reading and writes nothing beside it; what sqlite says of a damaged file becomes the refusal. */
export function withDatabase<T>(
  { path, hasJournal }: Source,
  refuse: Refuse,
  use: (database: DatabaseSync) => T,
): T {
  const url = pathToFileURL(path);
  // Nobody else has it open: with a journal to apply, its index is in memory and nothing is locked.
  if (hasJournal) url.searchParams.set('vfs', 'unix-none');
  else url.searchParams.set('immutable', '1');
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(url, { readOnly: true, enableForeignKeyConstraints: false });
    if (hasJournal) database.exec('PRAGMA locking_mode = EXCLUSIVE');
    return use(database);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    // The other one: a number that JavaScript has none for.
    if (code !== 'ERR_SQLITE_ERROR' && code !== 'ERR_OUT_OF_RANGE') throw error;
    throw refuse(`cannot be read (${message})`);
  } finally {
    database?.close();
  }
}

/** By row. Looks at the schema first: a view by the name of a table could do anything. */
export function* rowsIn(database: DatabaseSync, refuse: Refuse): Generator<RawRow> {
  readSchema(database, refuse);
  for (const { hnum, blob } of database.prepare('SELECT hnum, blob FROM Packages ORDER BY hnum').iterate()) {
    if (typeof hnum !== 'number' || !(blob instanceof Uint8Array)) throw refuse('has a malformed row');
    yield { instance: hnum, blob: Buffer.from(blob.buffer, blob.byteOffset, blob.byteLength) };
  }
}
