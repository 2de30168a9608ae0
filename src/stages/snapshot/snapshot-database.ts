/**
 * A snapshotter's database: one SQLite file with a row for each snapshot. The order of changes makes crashes harmless:
 * a row is inserted before its directories and deleted before them, so a directory without a row can be removed.
 */
import { DatabaseSync, type SQLInputValue, type SQLOutputValue, type StatementSync } from 'node:sqlite';
import { MillinerError } from '../../lib/errors/error.ts';
import type { Snapshot, SnapshotKind, Usage } from './snapshotter.ts';

export interface Row {
  id: number;
  /** The owner; none for committed snapshots. */
  owner?: string;
  snapshot: Snapshot;
  /** Stored for committed snapshots once it was computed. */
  usage?: Usage;
}

const version = 1;
// AUTOINCREMENT: an ID is never used twice, so late work on a removed snapshot cannot hit a new one.
const schema = `
  CREATE TABLE snapshots (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    parent INTEGER REFERENCES snapshots (id),
    kind TEXT NOT NULL CHECK (kind IN ('active', 'view', 'committed')),
    owner TEXT CHECK ((owner IS NULL) = (kind = 'committed')),
    labels TEXT NOT NULL DEFAULT '{}',
    created INTEGER NOT NULL,
    bytes INTEGER,
    inodes INTEGER
  ) STRICT;
  CREATE INDEX children ON snapshots (parent);
  PRAGMA user_version = ${version};
`;
const columns = 's.id, s.name, s.kind, s.owner, s.labels, s.created, s.bytes, s.inodes, p.name AS parent';
const selectRows = `SELECT ${columns} FROM snapshots s LEFT JOIN snapshots p ON p.id = s.parent`;

/** SQLite's extended result codes (sqlite.org/rescode.html). */
const constraintUnique = 2067;
const constraintForeignKey = 787;
const resultBusy = 5;
const resultCorrupt = 11;
const resultFull = 13;
/** The journal's index, a memory-mapped file, could not grow. */
const resultSharedMemorySize = 4874;
const resultNotADatabase = 26;

export class Metadata {
  readonly #path: string;
  readonly #database: DatabaseSync;
  /** ID of the row inserted last. */
  #lastId = 0;
  readonly #statements = new Map<string, StatementSync>();

  /** more: SQL statements for further tables of a driver. */
  constructor(path: string, more = '') {
    this.#path = path;
    this.#database = new DatabaseSync(path, { timeout: 30_000, enableForeignKeyConstraints: true });
    try {
      this.#guard(path, () => this.#prepareFile(more));
    } catch (error) {
      this.#database.close();
      throw error;
    }
  }

  #prepareFile(more: string): void {
    this.#database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; BEGIN IMMEDIATE;');
    const found = Number(this.#statement('PRAGMA user_version').get()?.['user_version']);
    if (found === 0) this.#database.exec(schema + more);
    this.#database.exec('COMMIT');
    if (found === 0 || found === version) return;
    throw new MillinerError('STATE_INVALID', `${this.#path} is of version ${found}, not ${version}`);
  }

  /** Throws SNAPSHOT_EXISTS, or SNAPSHOT_NOT_FOUND if there is no committed parent of that name. */
  insert(name: string, kind: 'active' | 'view', owner: string, parent: string | undefined): Row {
    const created = Date.now();
    const values = [name, kind, owner, created];
    const into = 'INSERT INTO snapshots (name, kind, owner, created, parent)';
    const changes = this.#guard(name, () =>
      parent === undefined
        ? this.run(`${into} VALUES (?, ?, ?, ?, NULL)`, values)
        : this.run(`${into} SELECT ?, ?, ?, ?, id FROM snapshots WHERE name = ? AND kind = 'committed'`, [
            ...values,
            parent,
          ]),
    );
    if (changes === 0) throw notFound(parent ?? name);
    const snapshot = {
      name,
      ...(parent !== undefined && { parent }),
      kind,
      labels: {},
      created: new Date(created),
    };
    return { id: this.#lastId, owner, snapshot };
  }

  find(name: string): Row | undefined {
    const found = this.#statement(`${selectRows} WHERE s.name = ?`).get(name);
    return found && toRow(found);
  }

  /** Throws SNAPSHOT_NOT_FOUND. */
  get(name: string): Row {
    const row = this.find(name);
    if (!row) throw notFound(name);
    return row;
  }

  /** Parents before children, because a parent has the lower ID. */
  all(): Row[] {
    return this.#statement(`${selectRows} ORDER BY s.id`).all().map(toRow);
  }

  /** IDs of its ancestors, nearest first. */
  ancestors(id: number): number[] {
    const query = `WITH RECURSIVE line (id, parent, depth) AS (
        SELECT id, parent, 0 FROM snapshots WHERE id = ?
        UNION ALL SELECT s.id, s.parent, depth + 1 FROM snapshots s JOIN line ON s.id = line.parent
      ) SELECT id FROM line WHERE depth > 0 ORDER BY depth`;
    return this.#database
      .prepare(query)
      .all(id)
      .map((row) => Number(row['id']));
  }

  /** Throws SNAPSHOT_EXISTS. */
  commit(id: number, name: string, labels: Record<string, string>): void {
    this.#guard(name, () =>
      this.run(`UPDATE snapshots SET kind = 'committed', owner = NULL, name = ?, labels = ? WHERE id = ?`, [
        name,
        JSON.stringify(labels),
        id,
      ]),
    );
  }

  setLabels(id: number, labels: Record<string, string>): void {
    this.run('UPDATE snapshots SET labels = ? WHERE id = ?', [JSON.stringify(labels), id]);
  }

  setUsage(id: number, usage: Usage): void {
    this.run('UPDATE snapshots SET bytes = ?, inodes = ? WHERE id = ?', [usage.bytes, usage.inodes, id]);
  }

  /** Throws SNAPSHOT_IN_USE while it has children. */
  delete(row: Row): void {
    this.#guard(row.snapshot.name, () => this.run('DELETE FROM snapshots WHERE id = ?', [row.id]));
  }

  close(): void {
    this.#database.close();
  }

  /** Compiles each statement once. */
  #statement(text: string): StatementSync {
    const there = this.#statements.get(text);
    if (there) return there;
    const made = this.#database.prepare(text);
    this.#statements.set(text, made);
    return made;
  }

  /** Runs fn in a transaction. */
  protected transaction<T>(fn: () => T): T {
    this.#guard(this.#path, () => this.#database.exec('BEGIN IMMEDIATE'));
    try {
      const result = fn();
      this.#guard(this.#path, () => this.#database.exec('COMMIT'));
      return result;
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      throw error;
    }
  }

  protected rows(query: string, values: SQLInputValue[] = []): Record<string, SQLOutputValue>[] {
    return this.#statement(query).all(...values);
  }

  /** Returns the number of changed rows. */
  protected run(statement: string, values: SQLInputValue[] = []): number {
    const { changes, lastInsertRowid } = this.#statement(statement).run(...values);
    this.#lastId = Number(lastInsertRowid);
    return Number(changes);
  }

  #guard<T>(name: string, work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw this.#translate(name, error);
    }
  }

  #translate(name: string, error: unknown): unknown {
    const { errcode } = error as { errcode?: number };
    const details = { snapshot: name };
    if (errcode === constraintUnique) {
      return new MillinerError('SNAPSHOT_EXISTS', `a snapshot ${name} exists already`, { details });
    }
    if (errcode === constraintForeignKey) {
      return new MillinerError('SNAPSHOT_IN_USE', `other snapshots are made from ${name}`, { details });
    }
    if (errcode === resultBusy) {
      return new MillinerError('BUSY', `${this.#path} is held by another process`, { cause: error });
    }
    if (errcode === resultFull || errcode === resultSharedMemorySize) {
      return new MillinerError('DISK_FULL', `no space left writing ${this.#path}`, { cause: error });
    }
    if (errcode === resultCorrupt || errcode === resultNotADatabase) {
      return new MillinerError('STATE_INVALID', `${this.#path} is damaged`, { cause: error });
    }
    return error;
  }
}

export function notFound(name: string): MillinerError {
  return new MillinerError('SNAPSHOT_NOT_FOUND', `there is no such snapshot: ${name}`, {
    details: { snapshot: name },
  });
}

function toRow(found: Record<string, SQLOutputValue>): Row {
  const { id, name, kind, owner, labels, created, bytes, inodes, parent } = found;
  return {
    id: Number(id),
    ...(owner !== null && { owner: String(owner) }),
    snapshot: {
      name: String(name),
      ...(parent !== null && { parent: String(parent) }),
      kind: kind as SnapshotKind,
      labels: JSON.parse(String(labels)) as Record<string, string>,
      created: new Date(Number(created)),
    },
    ...(bytes !== null && { usage: { bytes: Number(bytes), inodes: Number(inodes) } }),
  };
}
