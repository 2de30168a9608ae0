/**
 * Snapshots as overlayfs layers: DIR/ID/fs has the changes of a snapshot, DIR/ID/work is overlayfs's own while it is
 * active. A directory is never moved: with index=on, overlayfs binds an upper directory to its lower ones by file
 * handle, and fails with ESTALE for any other combination.
 */
import { chmod, mkdir, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { IdRange } from '../../lib/container/userns.ts';
import { MillinerError } from '../../lib/errors/error.ts';
import { makeDisk, removeDisk, minDiskBytes } from '../../lib/host/disk-image.ts';
import { run } from '../../lib/host/exec.ts';
import { isNearlyFull } from '../../lib/host/files.ts';
import { unmountAllBelow, type MountSpec } from '../../lib/host/mounts.ts';
import { native } from '../../lib/host/native.ts';
import { reserveReached, spareBytes } from '../../lib/host/reserve.ts';
import { copyAttributes, dropAcls } from './attributes.ts';
import { BaseSnapshotter, openDirectory } from './base-snapshotter.ts';
import { hasChangedHardLinks, settleHardLinks } from './hardlinks.ts';
import { probeOverlay, probeShifted, readOnlyOptions, writableOptions } from './probe-overlay.ts';
import { Metadata, type Row } from './snapshot-database.ts';
import { boundWithin, type Bound, type Space, type Usage } from './snapshotter.ts';

export type OverlayStep =
  'inserted' | 'prepared' | 'settled' | 'synced' | 'committed' | 'unmounted' | 'deleted';

export class OverlaySnapshotter extends BaseSnapshotter<Metadata, OverlayStep> {
  readonly name = 'overlay';
  /** Usage of the disks of bounded snapshots when they were made, by row. */
  readonly #empty = new Map<number, number>();

  /**
   * Opens, or makes, the snapshots below a state directory and reconciles. Throws HOST_MISSING, NOT_ROOT,
   * STATE_INVALID.
   */
  static async open(state: string, onStep?: (step: OverlayStep) => void): Promise<OverlaySnapshotter> {
    const opened = await openDirectory(state, 'overlay', (path) => new Metadata(path));
    const snapshotter = new OverlaySnapshotter(opened, onStep);
    try {
      await snapshotter.reconcile();
      await snapshotter.#probe(probeOverlay);
    } catch (error) {
      await snapshotter.close();
      throw error;
    }
    return snapshotter;
  }

  /** Runs the probe in an active snapshot, so that a crash in it is cleared like any other. */
  async #probe(probe: (directory: string) => Promise<void>): Promise<void> {
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
    await this.#probe((directory) => probeShifted(directory, ids));
  }

  protected insert(key: string, kind: 'active' | 'view', parent: string | undefined): Row {
    const row = this.metadata.insert(key, kind, this.owners.own, parent);
    this.onStep('inserted');
    return row;
  }

  protected async make(begin: () => Row, bound: Bound | undefined): Promise<void> {
    const row = begin();
    if (bound) await this.#makeDisk(row, bound);
    const { fs, work } = this.#paths(row.id);
    if (row.snapshot.kind === 'active') {
      await mkdir(work);
      await mkdir(fs);
      const [parent] = this.metadata.ancestors(row.id);
      if (parent !== undefined) await copyAttributes(this.#paths(parent).fs, fs);
      else {
        await chmod(fs, 0o755);
        await dropAcls(fs, (await native().lstat(fs)).xattrs ?? {});
      }
    }
    this.onStep('prepared');
  }

  /** A bounded snapshot has its changes on a disk image of its own until it is committed. */
  async #makeDisk({ id }: Row, bound: Bound): Promise<void> {
    const free = await spareBytes(this.root);
    const bytes = Math.floor(boundWithin({ ...bound, bytes: diskFor(bound.bytes) }, free) / 4096) * 4096;
    if (bytes < minDiskBytes) throw reserveReached(this.root);
    const { disk } = this.#paths(id);
    await mkdir(disk.place);
    await makeDisk(disk, bytes);
    const { used, capacity } = await fillOf(disk.place);
    this.#empty.set(id, used);
    this.limits.set(id, Math.min(bound.bytes, capacity - used - Math.floor(bytes / spareInodes)));
  }

  protected async seal(row: Row, name: string, labels: Record<string, string>): Promise<void> {
    const { work } = this.#paths(row.id);
    if (await hasChangedHardLinks(work)) await settleHardLinks(await this.mount(row.snapshot.name), work);
    await this.unmountRow(row, { detach: false });
    if (this.limits.has(row.id)) await this.#leaveDisk(row);
    this.onStep('settled');
    // The tree is synced before the row says that it is complete.
    await native().syncfs(this.directory(row.id));
    this.onStep('synced');
    this.metadata.commit(row.id, name, labels);
    this.onStep('committed');
  }

  /**
   * Copies a bounded snapshot from its disk image to the directory, because children need a directory. It uses cp,
   * because node:fs copies neither holes, extended attributes nor hard links. Attributes are named one by one, because
   * with "all" cp ignores some failures silently.
   */
  async #leaveDisk(row: Row): Promise<void> {
    const { fs, disk } = this.#paths(row.id);
    const preserve = '--preserve=mode,ownership,timestamps,links,xattr';
    await run('cp', ['--recursive', '--no-dereference', preserve, fs, this.#committed(row.id)]);
    await unmountAllBelow(disk.place, { detach: false });
    await removeDisk(disk);
    this.limits.delete(row.id);
  }

  protected async cleanUp(row: Row): Promise<void> {
    await this.unmountRow(row, { detach: true });
    const { work, disk } = this.#paths(row.id);
    for (const path of [work, disk.place, this.rootfs(row.id)])
      await rm(path, { recursive: true, force: true });
  }

  protected mountsOf(row: Row): MountSpec[] {
    const { fs, work } = this.#paths(row.id);
    const lower = this.metadata.ancestors(row.id).map((id) => this.#paths(id).fs);
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

  protected override async removeDirectory(id: number | string): Promise<void> {
    await unmountAllBelow(this.directory(id), { detach: true });
    await removeDisk(diskIn(this.directory(id)));
    await super.removeDirectory(id);
  }

  async space(key: string): Promise<Space> {
    const { id } = this.own(key);
    const { disk } = this.#paths(id);
    const { used, inodes } = await fillOf(disk.place);
    return { bytes: this.limitOf(key) - (used - (this.#empty.get(id) ?? 0)), inodes };
  }

  async used(): Promise<number> {
    const { bsize, blocks, bfree } = await statfs(this.root);
    return (blocks - bfree) * bsize;
  }

  async check(): Promise<void> {
    if (!(await isNearlyFull(this.root))) return;
    throw new MillinerError('DISK_FULL', `no space left in ${this.root}`, { details: { path: this.root } });
  }

  #committed(id: number): string {
    return join(this.directory(id), 'fs');
  }

  #paths(id: number) {
    const directory = this.directory(id);
    const disk = diskIn(directory);
    const place = this.limits.has(id) ? disk.place : directory;
    return { disk, fs: join(place, 'fs'), work: join(place, 'work') };
  }
}

const diskIn = (directory: string) => ({
  file: join(directory, 'disk.ext4'),
  place: join(directory, 'disk'),
});

/** The disk counts as full at this number of free inodes: small files may have been removed since it was full. */
const spareInodes = 64;

/** Size of a file system for that many bytes: its inode tables take a sixteenth at most. */
const diskFor = (bytes: number) => Math.ceil(bytes * 1.1) + minDiskBytes;

async function fillOf(place: string): Promise<{ used: number; capacity: number; inodes: number }> {
  const { bsize, blocks, bfree, files, ffree } = await statfs(place);
  const inodes = ffree - Math.floor(files / spareInodes);
  return { used: (blocks - bfree) * bsize, capacity: blocks * bsize, inodes };
}
