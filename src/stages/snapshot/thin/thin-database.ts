/**
 * The database of thin snapshots: the thin ID of each snapshot, and the pool's transaction. An ID is recorded before it
 * is created in the pool, and deleted only after it was removed from the pool, so a crash leaves no unknown ID.
 */
import { Metadata, type Row } from '../snapshot-database.ts';
import type { Usage } from '../snapshotter.ts';

/** Thin IDs have 24 bits; 0 is the empty file system. */
const maxIds = 2 ** 24 - 1;
/** Transaction of a new pool. */
export const firstTransaction = 1;

// active: whether a device of the ID may exist. claimant: the process that removes the ID from the pool after its
// snapshot is gone.
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

  /**
   * The ID is derived from the row's, modulo the maximum, and the next free one is used. So an ID is reused as late as
   * possible.
   */
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

  /** IDs of a snapshot and of its origin; no origin without a parent. */
  lineOf(row: number): { id: number; origin?: Origin } {
    const query = `SELECT own.id, origin.id AS origin, origin.active FROM snapshots s
      JOIN devices own ON own.snapshot = s.id LEFT JOIN devices origin ON origin.snapshot = s.parent WHERE s.id = ?`;
    const { id, origin, active } = this.rows(query, [row])[0]!;
    return {
      id: Number(id),
      ...(origin !== null && { origin: { id: Number(origin), active: active === 1 } }),
    };
  }

  /** The device is removed for good: a committed snapshot is not activated again. */
  setInactive(id: number): void {
    this.run('UPDATE devices SET active = 0 WHERE id = ?', [id]);
  }

  get transactionId(): number {
    return Number(this.rows('SELECT transaction_id FROM pool')[0]!['transaction_id']);
  }

  /** Makes a change that the pool must know, and increases the transaction. */
  stepOn(change: () => void): { from: number; to: number } {
    return this.transaction(() => {
      change();
      const from = this.transactionId;
      this.run('UPDATE pool SET transaction_id = ?', [from + 1]);
      return { from, to: from + 1 };
    });
  }

  /** The pool did not take the transaction; the change stays. */
  stepBack(from: number): void {
    this.run('UPDATE pool SET transaction_id = ?', [from]);
  }

  /** Usage of a committed snapshot's file system, and its own share of that. */
  setFill(row: number, fill: Usage): void {
    this.run('UPDATE devices SET bytes = ?, inodes = ? WHERE snapshot = ?', [fill.bytes, fill.inodes, row]);
  }

  fillOf(row: number): Usage {
    const [found] = this.rows('SELECT bytes, inodes FROM devices WHERE snapshot = ?', [row]);
    return { bytes: Number(found!['bytes']), inodes: Number(found!['inodes']) };
  }

  /** Deletes the row; the claimant then removes the ID from the pool. */
  markForRemoval(row: Row, claimant: string): void {
    this.run('UPDATE devices SET claimant = ? WHERE snapshot = ?', [claimant, row.id]);
    this.delete(row);
  }

  markForRemovalInTransaction(row: Row, claimant: string): void {
    this.transaction(() => this.markForRemoval(row, claimant));
  }

  /** Takes over IDs whose claimant is dead; each goes to one process. */
  claim(claimant: string, living: ReadonlySet<string>): number[] {
    return this.transaction(() => {
      const marked = this.rows('SELECT id, claimant FROM devices WHERE snapshot IS NULL');
      const free = marked.filter((one) => one['claimant'] === null || !living.has(String(one['claimant'])));
      const ids = free.map((one) => Number(one['id']));
      for (const id of ids) this.run('UPDATE devices SET claimant = ? WHERE id = ?', [claimant, id]);
      return ids;
    });
  }

  /** Gives the claim up, for a later reconcile. */
  release(id: number): void {
    this.run('UPDATE devices SET claimant = NULL WHERE id = ?', [id]);
  }

  forget(id: number): void {
    this.run('DELETE FROM devices WHERE id = ?', [id]);
  }

  /** After a repair: drops snapshots whose IDs are lost, and sets the pool's transaction. */
  dropLost(names: readonly string[], transactionId: number): void {
    this.transaction(() => {
      const query = 'SELECT id FROM snapshots WHERE name IN (SELECT value FROM json_each(?))';
      for (const { id } of this.rows(query, [JSON.stringify(names)])) {
        // A child keeps its own blocks, so it only loses the name of its parent.
        this.run('UPDATE snapshots SET parent = NULL WHERE parent = ?', [Number(id)]);
        this.run('DELETE FROM devices WHERE snapshot = ?', [Number(id)]);
        this.run('DELETE FROM snapshots WHERE id = ?', [Number(id)]);
      }
      this.run('UPDATE pool SET transaction_id = ?', [transactionId]);
    });
  }

  /** Every ID that may be in the pool, with kind and name of its snapshot. */
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
