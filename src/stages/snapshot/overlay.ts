/**
 * Snapshots as overlayfs layers. DIR/ID/fs has the changes of a snapshot, DIR/ID/work is overlayfs's own while it is
 * active. A bounded snapshot has both on a disk image, DIR/ID/disk.ext4: mounted at DIR/ID/disk while it is active, and
 * at DIR/CHILD/lower/ID for each child and view once it is committed. A directory is never moved: with index=on,
 * overlayfs binds an upper directory to its lower ones by file handle, and fails with ESTALE for any other combination.
 * A handle has the file system's UUID and no device, so that a disk may be attached anew.
 */
import { existsSync } from 'node:fs';
import { chmod, mkdir, rm, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { IdRange } from '../../lib/container/userns.ts';
import { MillinerError } from '../../lib/errors/error.ts';
import { mountDisk, removeDisk } from '../../lib/host/disk-image.ts';
import { isNearlyFull, syncPath } from '../../lib/host/files.ts';
import { describeFileSystem, unmountAllBelow, type MountSpec } from '../../lib/host/mounts.ts';
import { native } from '../../lib/host/native.ts';
import { remembered } from '../../lib/host/remembered.ts';
import { copyAttributes, dropAcls } from './attributes.ts';
import { BaseSnapshotter, openDirectory } from './base-snapshotter.ts';
import { BoundedDisk, diskIn } from './bounded-disk.ts';
import { hasChangedHardLinks, settleHardLinks } from './hardlinks.ts';
import { probeOverlay, probeShifted, readOnlyOptions, writableOptions } from './probe-overlay.ts';
import { Metadata, type Row } from './snapshot-database.ts';
import type { Bound, Space, Usage } from './snapshotter.ts';

export type OverlayStep =
  'inserted' | 'prepared' | 'settled' | 'synced' | 'committed' | 'unmounted' | 'deleted';

export class OverlaySnapshotter extends BaseSnapshotter<Metadata, OverlayStep> {
  readonly name = 'overlay';
  /** Disks of this process's bounded snapshots, by row. */
  readonly #disks = new Map<number, BoundedDisk>();

  /**
   * Opens, or makes, the snapshots below a state directory and reconciles. Throws HOST_MISSING, NOT_ROOT,
   * STATE_INVALID.
   */
  static async open(state: string, onStep?: (step: OverlayStep) => void): Promise<OverlaySnapshotter> {
    const opened = await openDirectory(state, 'overlay', (path) => new Metadata(path));
    const snapshotter = new OverlaySnapshotter(opened, onStep);
    try {
      await snapshotter.reconcile();
      await snapshotter.#probe('probed', probeOverlay);
    } catch (error) {
      await snapshotter.close();
      throw error;
    }
    return snapshotter;
  }

  /** What has worked here is not tried out again while the file system and its options are the same. */
  async #probe(name: string, probe: (directory: string) => Promise<void>): Promise<void> {
    const about = await describeFileSystem(this.root);
    await remembered(join(this.root, name), about, async () => {
      await this.#probeAnew(probe);
      return '';
    });
  }

  /** Runs the probe in an active snapshot, so that a crash in it is cleared like any other. */
  async #probeAnew(probe: (directory: string) => Promise<void>): Promise<void> {
    const row = this.insert(`probe ${this.owners.own}`, 'active', undefined);
    try {
      await mkdir(this.directory(row.id));
      await probe(this.directory(row.id));
    } finally {
      await this.drop(row);
    }
  }

  /** Without a parent the snapshot is no overlay. */
  override async probeShifted(ids: IdRange): Promise<void> {
    await this.#probe(`probed-${ids.start}`, (directory) => probeShifted(directory, ids));
  }

  protected insert(key: string, kind: 'active' | 'view', parent: string | undefined): Row {
    const row = this.metadata.insert(key, kind, this.owners.own, parent);
    this.onStep('inserted');
    return row;
  }

  protected async make(begin: () => Row, bound: Bound | undefined): Promise<void> {
    const row = begin();
    // Both are waited for: what fails is removed with the snapshot, once nothing is at work in it.
    const [lowers, made] = await Promise.allSettled([
      this.#mountLowers(row),
      bound && BoundedDisk.make(this.directory(row.id), bound),
    ]);
    for (const one of [lowers, made]) if (one.status === 'rejected') throw one.reason;
    const disk = made.status === 'fulfilled' ? made.value : undefined;
    if (disk) {
      this.#disks.set(row.id, disk);
      this.limits.set(row.id, disk.limit);
    }
    if (row.snapshot.kind === 'active') await this.#makeUpper(row);
    this.onStep('prepared');
  }

  /** Mounts the disks of the ancestors. Each child has mounts of its own, which go with its directory. */
  async #mountLowers({ id }: Row): Promise<void> {
    for (const ancestor of this.metadata.ancestors(id)) {
      const { file } = diskIn(this.directory(ancestor));
      if (!existsSync(file)) continue;
      const place = this.#lowerPlace(id, ancestor);
      await mkdir(place, { recursive: true });
      await mountDisk({ file, place });
    }
  }

  async #makeUpper({ id }: Row): Promise<void> {
    const { fs, work } = this.#paths(id);
    await mkdir(work);
    await mkdir(fs);
    const [parent] = this.#lowersOf(id);
    if (parent !== undefined) return copyAttributes(parent, fs);
    await chmod(fs, 0o755);
    await dropAcls(fs, (await native().lstat(fs)).xattrs ?? {});
  }

  protected async seal(row: Row, name: string, labels: Record<string, string>): Promise<void> {
    const { work } = this.#paths(row.id);
    if (await hasChangedHardLinks(work)) await settleHardLinks(await this.mount(row.snapshot.name), work);
    await this.unmountRow(row, { detach: false });
    const disk = this.#disks.get(row.id);
    if (disk) this.metadata.setUsage(row.id, await disk.finish(work));
    this.onStep('settled');
    // The tree is synced before the row says that it is complete.
    if (disk) for (const path of [disk.disk.file, this.directory(row.id), this.root]) await syncPath(path);
    else await native().syncfs(this.directory(row.id));
    this.onStep('synced');
    this.metadata.commit(row.id, name, labels);
    this.onStep('committed');
  }

  protected async cleanUp({ id }: Row): Promise<void> {
    await unmountAllBelow(this.directory(id), { detach: true });
    const gone = [join(this.directory(id), 'work'), diskIn(this.directory(id)).place, this.#lowers(id)];
    for (const path of [...gone, this.rootfs(id)]) await rm(path, { recursive: true, force: true });
    this.#disks.delete(id);
  }

  protected mountsOf(row: Row): MountSpec[] {
    const { fs, work } = this.#paths(row.id);
    const lower = this.#lowersOf(row.id);
    const [only = fs, ...more] = lower;
    if (row.snapshot.kind === 'active' && lower.length > 0) {
      return [{ type: 'overlay', lower, writable: { upper: fs, work }, options: writableOptions }];
    }
    if (more.length > 0) return [{ type: 'overlay', lower, options: readOnlyOptions }];
    return [{ type: 'bind', source: only, readonly: row.snapshot.kind === 'view' }];
  }

  protected async erase(row: Row): Promise<void> {
    this.onStep('unmounted');
    this.metadata.delete(row);
    this.onStep('deleted');
  }

  protected async measure({ id }: Row): Promise<Usage> {
    return native().usage(this.#paths(id).fs);
  }

  protected override async drop(row: Row): Promise<void> {
    await super.drop(row);
    this.#disks.delete(row.id);
  }

  protected override async removeDirectory(id: number | string): Promise<void> {
    await unmountAllBelow(this.directory(id), { detach: true });
    await removeDisk(diskIn(this.directory(id)));
    await super.removeDirectory(id);
  }

  /** The kernel updates the change time with every change of a file, and no program can set it. */
  override async fingerprint(name: string): Promise<string | undefined> {
    const { id } = this.metadata.get(name);
    const files = [id, ...this.metadata.ancestors(id)].map((one) => diskIn(this.directory(one)).file);
    if (!files.every((file) => existsSync(file))) return undefined;
    const found = await Promise.all(files.map((file) => stat(file, { bigint: true })));
    return found.map(({ ino, size, ctimeNs }) => `${ino} ${size} ${ctimeNs}`).join();
  }

  async space(key: string): Promise<Space> {
    const disk = this.#disks.get(this.own(key).id);
    return disk ? disk.space() : { bytes: Infinity, inodes: Infinity };
  }

  async used(): Promise<number> {
    const { bsize, blocks, bfree } = await statfs(this.root);
    return (blocks - bfree) * bsize;
  }

  async check(): Promise<void> {
    if (!(await isNearlyFull(this.root))) return;
    throw new MillinerError('DISK_FULL', `no space left in ${this.root}`, { details: { path: this.root } });
  }

  #paths(id: number) {
    const place = this.#disks.get(id)?.disk.place ?? this.directory(id);
    return { fs: join(place, 'fs'), work: join(place, 'work') };
  }

  /** The trees of its ancestors, nearest first. */
  #lowersOf(id: number): string[] {
    return this.metadata.ancestors(id).map((ancestor) => {
      const isDisk = existsSync(diskIn(this.directory(ancestor)).file);
      return join(isDisk ? this.#lowerPlace(id, ancestor) : this.directory(ancestor), 'fs');
    });
  }

  #lowers(id: number): string {
    return join(this.directory(id), 'lower');
  }

  #lowerPlace(id: number, ancestor: number): string {
    return join(this.#lowers(id), String(ancestor));
  }
}
