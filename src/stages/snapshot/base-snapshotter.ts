/**
 * The common part of all snapshotters: rows in a database, an owner for each unfinished row, a directory DIR/ID with
 * the mount point ROOTFS for each, and a crash-safe order of all changes.
 */
import { mkdirSync } from 'node:fs';
import { chmod, mkdir, readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { mountShifted } from '../../lib/container/shifted.ts';
import type { IdRange } from '../../lib/container/userns.ts';
import { MillinerError } from '../../lib/errors/error.ts';
import { mount, unmountAllBelow, type MountSpec, type UnmountOptions } from '../../lib/host/mounts.ts';
import type { ScanEntry } from '../../lib/host/native.ts';
import { removeTree } from '../../lib/host/remove-tree.ts';
import { Owners } from './owners.ts';
import { notFound, type Metadata, type Row } from './snapshot-database.ts';
import {
  scanSnapshot,
  type Bound,
  type Snapshot,
  type Snapshotter,
  type Space,
  type Usage,
} from './snapshotter.ts';

const ownersDirectory = 'owners';

export interface Opened<M extends Metadata> {
  root: string;
  metadata: M;
  owners: Owners;
}

/** Opens, or makes, a driver's directory below a state directory. */
export async function openDirectory<M extends Metadata>(
  state: string,
  driver: string,
  openMetadata: (path: string) => M,
): Promise<Opened<M>> {
  const root = join(resolve(state), 'snapshots', driver);
  await mkdir(root, { recursive: true });
  // Images contain setuid programs and private files, so only root may enter their trees.
  await chmod(root, 0o700);
  const metadata = openMetadata(join(root, 'metadata.db'));
  try {
    return { root, metadata, owners: await Owners.open(join(root, ownersDirectory)) };
  } catch (error) {
    metadata.close();
    throw error;
  }
}

const busyAttempts = 400;
const busyPauseMilliseconds = 25;

/**
 * A program that makes a mount namespace, such as a container runtime, briefly holds all mounts, also one that is being
 * unmounted.
 */
async function unlessBusy(fn: () => Promise<void>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await fn();
    } catch (error) {
      if (!(error instanceof MillinerError) || error.code !== 'BUSY' || attempt === busyAttempts) throw error;
      await sleep(busyPauseMilliseconds);
    }
  }
}

export abstract class BaseSnapshotter<M extends Metadata, Step extends string> implements Snapshotter {
  abstract readonly name: 'overlay' | 'dm-thin';
  protected readonly root: string;
  protected readonly metadata: M;
  protected readonly owners: Owners;
  /** Bytes that this process's bounded snapshots may add, by row. */
  protected readonly limits = new Map<number, number>();
  /**
   * Snapshots that this process has mounted, by row, with the IDs that their owners are moved into. No other process
   * may mount them.
   */
  readonly #mounted = new Map<number, IdRange | undefined>();
  /** Called at moments at which a crash must leave a state that reconcile can clear; tests stop the process there. */
  protected readonly onStep: (step: Step) => void;

  protected constructor({ root, metadata, owners }: Opened<M>, onStep: ((step: Step) => void) | undefined) {
    this.root = root;
    this.metadata = metadata;
    this.owners = owners;
    this.onStep = onStep ?? (() => {});
  }

  /** Inserts the row of a new snapshot, before anything else of it exists. */
  protected abstract insert(key: string, kind: 'active' | 'view', parent: string | undefined): Row;
  /** Calls `begin` to insert the row and make the directory, and then makes the snapshot itself. */
  protected abstract make(begin: () => Row, bound: Bound | undefined): Promise<void>;
  protected abstract mountsOf(row: Row): MountSpec[];
  /** Unmounts an active snapshot, syncs it, and records it as committed. */
  protected abstract seal(row: Row, name: string, labels: Record<string, string>): Promise<void>;
  /** Removes files that a committed snapshot does not need. */
  protected abstract cleanUp(row: Row): Promise<void>;
  /** Removes the row of an unmounted snapshot, then the snapshot itself; SNAPSHOT_IN_USE while it has children. */
  protected abstract erase(row: Row): Promise<void>;
  protected abstract measure(row: Row): Promise<Usage>;
  abstract space(key: string): Promise<Space>;
  abstract used(): Promise<number>;
  abstract check(): Promise<void>;

  async prepare(key: string, parent?: string, bound?: Bound): Promise<Snapshot> {
    return this.#create(key, 'active', parent, bound);
  }

  async view(key: string, parent: string): Promise<Snapshot> {
    return this.#create(key, 'view', parent);
  }

  async #create(
    key: string,
    kind: 'active' | 'view',
    parent: string | undefined,
    bound?: Bound,
  ): Promise<Snapshot> {
    const made: { row?: Row } = {};
    const begin = () => {
      const row = (made.row = this.insert(key, kind, parent));
      // Synchronous, because the thread pool would take longer than the call.
      mkdirSync(this.rootfs(row.id), { recursive: true, mode: 0o700 });
      return row;
    };
    try {
      await this.make(begin, bound);
    } catch (error) {
      if (made.row) await this.drop(made.row);
      throw error;
    }
    return made.row!.snapshot;
  }

  async commit(name: string, key: string, labels: Record<string, string> = {}): Promise<void> {
    const row = this.own(key);
    if (row.snapshot.kind !== 'active') throw notFound(key);
    await this.seal(row, name, labels);
    await this.cleanUp(row);
    this.limits.delete(row.id);
  }

  mounts(key: string): MountSpec[] {
    return this.mountsOf(this.own(key));
  }

  placeOf(key: string): string {
    return this.rootfs(this.metadata.get(key).id);
  }

  async mount(key: string, ids?: IdRange): Promise<string> {
    const row = this.own(key);
    const rootfs = this.rootfs(row.id);
    if (this.#mounted.has(row.id)) {
      if (this.#mounted.get(row.id) === ids) return rootfs;
      await this.unmountRow(row, { detach: false });
    }
    // Overlayfs accepts an upper directory only once, also below another overlay.
    await unlessBusy(() => this.#mountAs(row, ids));
    return rootfs;
  }

  async #mountAs(row: Row, ids: IdRange | undefined): Promise<void> {
    const rootfs = this.rootfs(row.id);
    for (const spec of this.mountsOf(row))
      await (ids ? mountShifted(spec, rootfs, ids) : mount(spec, rootfs));
    this.#mounted.set(row.id, ids);
  }

  /** The mount point of a mounted snapshot. */
  protected async mounted(row: Row): Promise<string> {
    return this.#mounted.has(row.id) ? this.rootfs(row.id) : this.mount(row.snapshot.name);
  }

  async probeShifted(ids: IdRange): Promise<void> {
    const key = `probe ${this.owners.own}`;
    await this.prepare(key);
    try {
      await this.mount(key, ids);
    } finally {
      await this.remove(key);
    }
  }

  async unmount(key: string): Promise<void> {
    await this.unmountRow(this.own(key), { detach: false });
  }

  /** Unmounts it with all mounts inside. */
  protected async unmountRow({ id }: Row, options: UnmountOptions): Promise<void> {
    await unmountAllBelow(this.rootfs(id), options);
    this.#mounted.delete(id);
  }

  limitOf(key: string): number {
    return this.limits.get(this.own(key).id) ?? Infinity;
  }

  stat(key: string): Snapshot | undefined {
    return this.metadata.find(key)?.snapshot;
  }

  async fingerprint(_name: string): Promise<string | undefined> {
    return undefined;
  }

  label(name: string, labels: Record<string, string>): void {
    const { id, snapshot } = this.metadata.get(name);
    this.metadata.setLabels(id, { ...snapshot.labels, ...labels });
  }

  async remove(key: string): Promise<void> {
    const row = this.metadata.get(key);
    if (row.owner !== undefined) this.own(key);
    await this.drop(row);
  }

  protected async drop(row: Row): Promise<void> {
    // Committed snapshots are never mounted; their children may forbid the removal.
    await unmountAllBelow(this.directory(row.id), { detach: true });
    this.#mounted.delete(row.id);
    await this.erase(row);
    await this.removeDirectory(row.id);
    this.limits.delete(row.id);
  }

  protected async removeDirectory(id: number | string): Promise<void> {
    await removeTree(this.directory(id));
  }

  async walk(fn: (snapshot: Snapshot) => void | Promise<void>): Promise<void> {
    for (const { snapshot } of this.metadata.all()) await fn(snapshot);
  }

  async usage(key: string): Promise<Usage> {
    const row = this.metadata.get(key);
    if (row.usage) return row.usage;
    if (row.snapshot.kind === 'view') return { bytes: 0, inodes: 0 };
    const usage = await this.measure(row);
    if (row.snapshot.kind === 'committed') this.metadata.setUsage(row.id, usage);
    return usage;
  }

  async scan(key: string): Promise<ScanEntry[]> {
    return scanSnapshot(await this.mount(key));
  }

  async reconcile(): Promise<void> {
    await this.owners.clearDead((owner) => this.#dropAllOf(owner));
    // The rows are read first: an owner exists before its rows, so one that is missing from a later list has closed.
    const rows = this.metadata.all();
    const owners = await this.owners.list();
    for (const row of rows) if (row.owner !== undefined && !owners.has(row.owner)) await this.drop(row);
    await this.#removeOrphans();
  }

  async #dropAllOf(owner: string): Promise<void> {
    for (const row of this.metadata.all()) if (row.owner === owner) await this.drop(row);
  }

  async #removeOrphans(): Promise<void> {
    // The directories are read first, because a row exists before its directory.
    const entries = await readdir(this.root, { withFileTypes: true });
    const rows = new Map(this.metadata.all().map((row) => [String(row.id), row]));
    for (const { name } of entries.filter((entry) => entry.isDirectory() && entry.name !== ownersDirectory)) {
      const row = rows.get(name);
      if (row?.snapshot.kind === 'committed') await this.cleanUp(row);
      if (row) continue;
      await unmountAllBelow(this.directory(name), { detach: true });
      await this.removeDirectory(name);
    }
  }

  async close(): Promise<void> {
    await this.owners.close();
    this.metadata.close();
  }

  /** The row of an unfinished snapshot of this process. */
  protected own(key: string): Row {
    const row = this.metadata.get(key);
    if (row.owner === this.owners.own) return row;
    if (row.owner === undefined) throw notFound(`active snapshot ${key}`);
    throw new MillinerError('SNAPSHOT_IN_USE', `${key} belongs to another process`, {
      details: { snapshot: key },
    });
  }

  protected directory(id: number | string): string {
    return join(this.root, String(id));
  }

  protected rootfs(id: number): string {
    return join(this.directory(id), 'rootfs');
  }
}
