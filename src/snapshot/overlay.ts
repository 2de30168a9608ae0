/**
 * Snapshots as overlayfs layers: DIR/ID/fs is what a snapshot adds, DIR/ID/work overlayfs's own while it is
 * active, DIR/ID/rootfs where it is mounted. A directory never moves: with index=on, overlayfs ties an upper
 * directory to its lower ones by file handle and answers ESTALE to any other combination.
 */
import { chmod, mkdir, readdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { MillinerError } from '../errors.ts';
import { mount, mountsBelow, unmountAllBelow, type MountSpec } from '../host/mounts.ts';
import { native, type ScanEntry } from '../host/native.ts';
import { removeTree } from '../host/remove.ts';
import { copyAttributes, dropAcls } from './attributes.ts';
import { hasChangedHardLinks, settleHardLinks } from './hardlinks.ts';
import { Metadata, notFound, type Row } from './metadata.ts';
import { Owners } from './owners.ts';
import { probeOverlay, readOnlyOptions, writableOptions } from './probe.ts';
import { scanSnapshot, type Snapshot, type Snapshotter, type Usage } from './snapshot.ts';

/** The moments between which a crash must leave nothing that reconcile cannot clear; tests stop there. */
export type Step = 'inserted' | 'prepared' | 'settled' | 'synced' | 'committed' | 'unmounted' | 'deleted';

export interface OverlayOptions {
  onStep?: (step: Step) => void;
}

const ownersDirectory = 'owners';

export class OverlaySnapshotter implements Snapshotter {
  readonly name = 'overlay';
  readonly #root: string;
  readonly #metadata: Metadata;
  readonly #owners: Owners;
  readonly #onStep: (step: Step) => void;

  private constructor(root: string, metadata: Metadata, owners: Owners, options: OverlayOptions) {
    this.#root = root;
    this.#metadata = metadata;
    this.#owners = owners;
    this.#onStep = options.onStep ?? (() => {});
  }

  /** Opens, or makes, the snapshots below a state directory and reconciles. Throws HOST_MISSING, NOT_ROOT, STATE_INVALID. */
  static async open(state: string, options: OverlayOptions = {}): Promise<OverlaySnapshotter> {
    const root = join(resolve(state), 'snapshots', 'overlay');
    await mkdir(root, { recursive: true });
    // Images hold setuid programs and private files: only root may look into their trees.
    await chmod(root, 0o700);
    const metadata = new Metadata(join(root, 'metadata.db'));
    const owners = await Owners.open(join(root, ownersDirectory));
    const snapshotter = new OverlaySnapshotter(root, metadata, owners, options);
    try {
      await snapshotter.reconcile();
      await snapshotter.#probe();
    } catch (error) {
      await snapshotter.close();
      throw error;
    }
    return snapshotter;
  }

  /** As an active snapshot of its own, so that a crash in it is cleared like any other. */
  async #probe(): Promise<void> {
    const row = this.#metadata.insert(`probe ${this.#owners.own}`, 'active', this.#owners.own, undefined);
    try {
      await mkdir(this.#directory(row.id));
      await probeOverlay(this.#directory(row.id));
    } finally {
      await this.#drop(row);
    }
  }

  async prepare(key: string, parent?: string): Promise<Snapshot> {
    return this.#create(key, 'active', parent);
  }

  async view(key: string, parent: string): Promise<Snapshot> {
    return this.#create(key, 'view', parent);
  }

  async #create(key: string, kind: 'active' | 'view', parent: string | undefined): Promise<Snapshot> {
    const row = this.#metadata.insert(key, kind, this.#owners.own, parent);
    this.#onStep('inserted');
    try {
      await this.#makeDirectories(row);
    } catch (error) {
      await this.#drop(row);
      throw error;
    }
    this.#onStep('prepared');
    return row.snapshot;
  }

  async #makeDirectories(row: Row): Promise<void> {
    const { fs, work, rootfs } = this.#paths(row.id);
    await mkdir(this.#directory(row.id), { mode: 0o700 });
    await mkdir(rootfs);
    if (row.snapshot.kind === 'view') return;
    await mkdir(work);
    await mkdir(fs);
    const [parent] = this.#metadata.ancestors(row.id);
    if (parent !== undefined) return copyAttributes(this.#paths(parent).fs, fs);
    await chmod(fs, 0o755);
    await dropAcls(fs, (await native().lstat(fs)).xattrs ?? {});
  }

  async commit(name: string, key: string, labels: Record<string, string> = {}): Promise<void> {
    const row = this.#own(key);
    if (row.snapshot.kind !== 'active') throw notFound(key);
    const { fs, work, rootfs } = this.#paths(row.id);
    if (await hasChangedHardLinks(work)) await settleHardLinks(await this.mount(key), work);
    await unmountAllBelow(rootfs, { detach: false });
    this.#onStep('settled');
    // The tree reaches the disk before the row that says it is complete.
    await native().syncfs(fs);
    this.#onStep('synced');
    this.#metadata.commit(row.id, name, labels);
    this.#onStep('committed');
    await this.#tidy(row.id);
  }

  /** A committed snapshot needs nothing but its tree. */
  async #tidy(id: number): Promise<void> {
    const { work, rootfs } = this.#paths(id);
    await unmountAllBelow(this.#directory(id), { detach: true });
    for (const path of [work, rootfs]) await rm(path, { recursive: true, force: true });
  }

  mounts(key: string): MountSpec[] {
    const row = this.#own(key);
    const { fs, work } = this.#paths(row.id);
    const lower = this.#metadata.ancestors(row.id).map((id) => this.#paths(id).fs);
    const [only = fs, ...more] = lower;
    if (row.snapshot.kind === 'active' && lower.length > 0) {
      return [{ type: 'overlay', lower, writable: { upper: fs, work }, options: writableOptions }];
    }
    if (more.length > 0) return [{ type: 'overlay', lower, options: readOnlyOptions }];
    return [{ type: 'bind', source: only, readonly: row.snapshot.kind === 'view' }];
  }

  async mount(key: string): Promise<string> {
    const { rootfs } = this.#paths(this.#own(key).id);
    if ((await mountsBelow(rootfs)).length > 0) return rootfs;
    for (const spec of this.mounts(key)) await mount(spec, rootfs);
    return rootfs;
  }

  async unmount(key: string): Promise<void> {
    await unmountAllBelow(this.#paths(this.#own(key).id).rootfs, { detach: false });
  }

  stat(key: string): Snapshot | undefined {
    return this.#metadata.find(key)?.snapshot;
  }

  async remove(key: string): Promise<void> {
    const row = this.#metadata.get(key);
    if (row.owner !== undefined) this.#own(key);
    await this.#drop(row);
  }

  async #drop(row: Row): Promise<void> {
    const directory = this.#directory(row.id);
    // Committed ones, which may have children that forbid the removal, are never mounted.
    await unmountAllBelow(directory, { detach: true });
    this.#onStep('unmounted');
    this.#metadata.delete(row);
    this.#onStep('deleted');
    await removeTree(directory);
  }

  async walk(fn: (snapshot: Snapshot) => void | Promise<void>): Promise<void> {
    for (const { snapshot } of this.#metadata.all()) await fn(snapshot);
  }

  async usage(key: string): Promise<Usage> {
    const row = this.#metadata.get(key);
    if (row.usage) return row.usage;
    if (row.snapshot.kind === 'view') return { bytes: 0, inodes: 0 };
    const usage = await native().usage(this.#paths(row.id).fs);
    if (row.snapshot.kind === 'committed') this.#metadata.setUsage(row.id, usage);
    return usage;
  }

  async scan(key: string): Promise<ScanEntry[]> {
    return scanSnapshot(await this.mount(key));
  }

  async reconcile(): Promise<void> {
    await this.#owners.clearDead((owner) => this.#dropAllOf(owner));
    // An owner is there before its rows: who is missing from a list made after the rows has closed.
    const rows = this.#metadata.all();
    const owners = await this.#owners.list();
    for (const row of rows) if (row.owner !== undefined && !owners.has(row.owner)) await this.#drop(row);
    await this.#removeOrphans();
  }

  async #dropAllOf(owner: string): Promise<void> {
    for (const row of this.#metadata.all()) if (row.owner === owner) await this.#drop(row);
  }

  async #removeOrphans(): Promise<void> {
    // Directories before rows, because a row is there before its directory.
    const entries = await readdir(this.#root, { withFileTypes: true });
    const rows = new Map(this.#metadata.all().map((row) => [String(row.id), row]));
    for (const { name } of entries.filter((entry) => entry.isDirectory() && entry.name !== ownersDirectory)) {
      const row = rows.get(name);
      if (row?.snapshot.kind === 'committed') await this.#tidy(row.id);
      if (row) continue;
      await unmountAllBelow(join(this.#root, name), { detach: true });
      await removeTree(join(this.#root, name));
    }
  }

  async close(): Promise<void> {
    await this.#owners.close();
    this.#metadata.close();
  }

  /** An unfinished snapshot of this process. */
  #own(key: string): Row {
    const row = this.#metadata.get(key);
    if (row.owner === this.#owners.own) return row;
    if (row.owner === undefined) throw notFound(`active snapshot ${key}`);
    throw new MillinerError('SNAPSHOT_IN_USE', `${key} belongs to another process`, {
      details: { snapshot: key },
    });
  }

  #directory(id: number): string {
    return join(this.#root, String(id));
  }

  #paths(id: number) {
    const directory = this.#directory(id);
    return { fs: join(directory, 'fs'), work: join(directory, 'work'), rootfs: join(directory, 'rootfs') };
  }
}
