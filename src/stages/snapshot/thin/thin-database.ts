/**
 * The database of thin snapshots: which thin id holds which snapshot, and at which transaction of the pool. An id is
 * in here before it is in the pool, and leaves only after it has left the pool: what a crash leaves is known.
 */
import { Metadata, type Row } from '../snapshot-database.ts';
import type { Usage } from '../snapshotter.ts';

/** Thin ids have 24 bits; 0 is the empty file system. */
const maxIds = 2 ** 24 - 1;
/** What the pool is set to when it is made. */
export const firstTransaction = 1;

// active: whether a device of the id may be there. claimant: the process that removes the id from the pool, once its snapshot is gone.
const schema = `
  CREATE TABLE pool (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    transaction_id INTEGER NOT NULL
  ) STRICT;
  INSERT INTO pool VALUES (1, ${firstTransaction});
  CREATE TABLE devices (
    id INTEGER PRIMARY KEY CHECK (id BETWEEN 1 AND ${maxIds}),
    snapshot INTEGER UNIQUE REFERENCES snapshots (id) ON DELETE SET NULL,
    claimant TEXT,
    bytes INTEGER,
    inodes INTEGER,
    active INTEGER NOT NULL DEFAULT 1
  ) STRICT;
`;

export interface Origin {
  id: number;
  active: boolean;
}

export class ThinMetadata extends Metadata {
  constructor(path: string) {
    super(path, schema);
  }

  /** Its id is the row's, round and round: so one comes back as late as can be, and to a free one. */
  override insert(name: string, kind: 'active' | 'view', owner: string, parent: string | undefined): Row {
    const into = 'INSERT INTO devices (id, snapshot) VALUES (?, ?) ON CONFLICT (id) DO NOTHING';
    return this.transaction(() => {
      const row = super.insert(name, kind, owner, parent);
      let turn = row.id - 1;
      while (this.run(into, [(turn % maxIds) + 1, row.id]) === 0) turn++;
      return row;
    });
  }

  deviceOf(row: number): number {
    return Number(this.rows('SELECT id FROM devices WHERE snapshot = ?', [row])[0]!['id']);
  }

  /** The id of a snapshot and of what it is made from; no origin where it has no parent. */
  lineOf(row: number): { id: number; origin?: Origin } {
    const query = `SELECT own.id, origin.id AS origin, origin.active FROM snapshots s
      JOIN devices own ON own.snapshot = s.id LEFT JOIN devices origin ON origin.snapshot = s.parent WHERE s.id = ?`;
    const { id, origin, active } = this.rows(query, [row])[0]!;
    return {
      id: Number(id),
      ...(origin !== null && { origin: { id: Number(origin), active: active === 1 } }),
    };
  }

  /** Its device is gone for good: a committed snapshot is not activated again. */
  setInactive(id: number): void {
    this.run('UPDATE devices SET active = 0 WHERE id = ?', [id]);
  }

  get transactionId(): number {
    return Number(this.rows('SELECT transaction_id FROM pool')[0]!['transaction_id']);
  }

  /** Makes a change that the pool has to know of, and counts it. */
  stepOn(change: () => void): { from: number; to: number } {
    return this.transaction(() => {
      change();
      const from = this.transactionId;
      this.run('UPDATE pool SET transaction_id = ?', [from + 1]);
      return { from, to: from + 1 };
    });
  }

  /** The pool has not taken the step; the change stands. */
  stepBack(from: number): void {
    this.run('UPDATE pool SET transaction_id = ?', [from]);
  }

  /** What is in use of a committed snapshot's file system, and the usage that it adds. */
  setFill(row: number, fill: Usage): void {
    this.run('UPDATE devices SET bytes = ?, inodes = ? WHERE snapshot = ?', [fill.bytes, fill.inodes, row]);
  }

  fillOf(row: number): Usage {
    const [found] = this.rows('SELECT bytes, inodes FROM devices WHERE snapshot = ?', [row]);
    return { bytes: Number(found!['bytes']), inodes: Number(found!['inodes']) };
  }

  /** Its row goes, and the id is the claimant's to remove. */
  markForRemoval(row: Row, claimant: string): void {
    this.run('UPDATE devices SET claimant = ? WHERE snapshot = ?', [claimant, row.id]);
    this.delete(row);
  }

  markForRemovalInTransaction(row: Row, claimant: string): void {
    this.transaction(() => this.markForRemoval(row, claimant));
  }

  /** Takes over the ids that nobody living removes; each goes to one process. */
  claim(claimant: string, living: ReadonlySet<string>): number[] {
    return this.transaction(() => {
      const marked = this.rows('SELECT id, claimant FROM devices WHERE snapshot IS NULL');
      const free = marked.filter((one) => one['claimant'] === null || !living.has(String(one['claimant'])));
      const ids = free.map((one) => Number(one['id']));
      for (const id of ids) this.run('UPDATE devices SET claimant = ? WHERE id = ?', [claimant, id]);
      return ids;
    });
  }

  /** Left for another time. */
  release(id: number): void {
    this.run('UPDATE devices SET claimant = NULL WHERE id = ?', [id]);
  }

  forget(id: number): void {
    this.run('DELETE FROM devices WHERE id = ?', [id]);
  }

  /** After a repair: without the snapshots whose ids are lost, at the pool's transaction. */
  dropLost(names: readonly string[], transactionId: number): void {
    this.transaction(() => {
      const query = 'SELECT id FROM snapshots WHERE name IN (SELECT value FROM json_each(?))';
      for (const { id } of this.rows(query, [JSON.stringify(names)])) {
        // A child holds its blocks itself: it only loses the name of its parent.
        this.run('UPDATE snapshots SET parent = NULL WHERE parent = ?', [Number(id)]);
        this.run('DELETE FROM devices WHERE snapshot = ?', [Number(id)]);
        this.run('DELETE FROM snapshots WHERE id = ?', [Number(id)]);
      }
      this.run('UPDATE pool SET transaction_id = ?', [transactionId]);
    });
  }

  /** Every id that may be in the pool, with the kind and name of its snapshot. */
  devices(): { id: number; active: boolean; kind?: string; name?: string }[] {
    const query =
      'SELECT d.id, d.active, s.kind, s.name FROM devices d LEFT JOIN snapshots s ON s.id = d.snapshot';
    return this.rows(query).map(({ id, active, kind, name }) => ({
      id: Number(id),
      active: active === 1,
      ...(kind !== null && { kind: String(kind), name: String(name) }),
    }));
  }
}
