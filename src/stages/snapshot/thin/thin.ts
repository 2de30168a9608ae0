/**
 * Snapshots as thin devices of a dm-thin pool, each with its own file system, which shares blocks with its parent's
 * (Documentation/admin-guide/device-mapper/thin-provisioning.rst). DIR/ID/rootfs is the mount point.
 */
import { rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { MillinerError } from '../../../lib/errors/error.ts';
import type { Device } from '../../../lib/host/device-mapper.ts';
import { syncPath } from '../../../lib/host/files.ts';
import { acquire } from '../../../lib/host/locks.ts';
import type { MountSpec } from '../../../lib/host/mounts.ts';
import { native, type NativeError } from '../../../lib/host/native.ts';
import { BaseSnapshotter, openDirectory, type Opened } from '../base-snapshotter.ts';
import type { Row } from '../snapshot-database.ts';
import { boundWithin, type Bound, type Space, type Usage } from '../snapshotter.ts';
import { ThinDevices, type DeviceStep } from './devices.ts';
import { emptyId, poolDirectory, readConfig } from './pool-config.ts';
import { requireWritable, isLow } from './pool-status.ts';
import { ThinMetadata } from './thin-database.ts';
import { fillOf, hasFailed, mountSpec } from './thin-filesystem.ts';
import { startPool, withPoolLock, type Pool } from './thin-pool.ts';

export type ThinStep =
  DeviceStep | 'inserted' | 'settled' | 'synced' | 'committed' | 'stepped' | 'unmounted' | 'deleted';

export class ThinSnapshotter extends BaseSnapshotter<ThinMetadata, ThinStep> {
  readonly name = 'dm-thin';
  readonly #state: string;
  readonly #pool: Pool;
  /** Devices of this process's snapshots, by row. */
  readonly #active = new Map<number, Device>();
  readonly #devices: ThinDevices;
  #end: () => Promise<void> = async () => {};

  private constructor(
    state: string,
    opened: Opened<ThinMetadata>,
    pool: Pool,
    onStep: ((step: ThinStep) => void) | undefined,
  ) {
    super(opened, onStep);
    this.#state = state;
    this.#pool = pool;
    this.#devices = new ThinDevices(state, pool, this.metadata, this.onStep);
  }

  /**
   * Starts the pool, compares it with the database and reconciles. Throws POOL_MISSING, POOL_MISMATCH, POOL_FOREIGN,
   * POOL_DAMAGED, DEVICE_UNUSABLE, HOST_MISSING, NOT_ROOT, STATE_INVALID.
   */
  static async open(state: string, onStep?: (step: ThinStep) => void): Promise<ThinSnapshotter> {
    await readConfig(state);
    // A process that stops or repairs the pool waits for this lock.
    const use = await acquire(join(poolDirectory(state), 'use.lock'), 'shared');
    let opened: Opened<ThinMetadata> | undefined;
    try {
      // Read again, because the pool may have been removed before this process got the lock.
      const config = await readConfig(state);
      const { metadata } = (opened = await openDirectory(state, 'dm-thin', (path) => new ThinMetadata(path)));
      const pool = await withPoolLock(state, async () => {
        const started = await startPool(config);
        await rollForward(started, metadata);
        return started;
      });
      const snapshotter = new ThinSnapshotter(state, opened, pool, onStep);
      await snapshotter.reconcile();
      snapshotter.#end = () => use.close();
      return snapshotter;
    } catch (error) {
      await opened?.owners.close();
      opened?.metadata.close();
      await use.close();
      throw error;
    }
  }

  protected insert(key: string, kind: 'active' | 'view', parent: string | undefined): Row {
    const row = this.metadata.insert(key, kind, this.owners.own, parent);
    this.onStep('inserted');
    return row;
  }

  /** The kernel limits it to the size of its device; a caller that lets other programs write enforces the limit. */
  protected async make(begin: () => Row, bound: Bound | undefined): Promise<void> {
    const limit = bound && boundWithin(bound, await this.#freeBytes());
    await this.#devices.make(() => {
      const row = begin();
      if (limit !== undefined) this.limits.set(row.id, limit);
      const { id, origin = { id: emptyId, active: false } } = this.metadata.lineOf(row.id);
      const onCreated = (device: Device) => void this.#active.set(row.id, device);
      return { id, origin, readOnly: row.snapshot.kind === 'view', onCreated };
    });
  }

  protected mountsOf(row: Row): MountSpec[] {
    const { fileSystem } = this.#pool.config;
    return [mountSpec(fileSystem, this.#device(row), row.snapshot.kind === 'view')];
  }

  protected async seal(row: Row, name: string, labels: Record<string, string>): Promise<void> {
    const device = this.#device(row);
    const fill = await this.#settle(row, device);
    this.onStep('settled');
    await syncPath(device.path);
    // If the pool had no space, data was lost without an error to the writer.
    await this.check();
    this.onStep('synced');
    await this.#stepOn(() => {
      this.metadata.setFill(row.id, fill);
      this.metadata.setUsage(row.id, this.#added(row, fill));
      this.metadata.commit(row.id, name, labels);
    });
  }

  /** Syncs and unmounts; returns the usage of the file system. */
  async #settle(row: Row, device: Device): Promise<Usage> {
    const root = await this.mount(row.snapshot.name);
    try {
      await native().syncfs(root);
      if (await hasFailed(this.#pool.config.fileSystem, device)) {
        throw new MillinerError('STORAGE_FAILED', `the file system of ${row.snapshot.name} had errors`);
      }
    } catch (error) {
      await this.check();
      const { code, syscall } = error as NativeError;
      if (syscall === undefined) throw error;
      throw new MillinerError('STORAGE_FAILED', `${row.snapshot.name} cannot be written: ${code}`, {
        cause: error,
      });
    }
    const fill = await fillOf(root);
    await this.unmountRow(row, { detach: false });
    return fill;
  }

  protected async cleanUp(row: Row): Promise<void> {
    await this.unmountRow(row, { detach: true });
    await this.#devices.deactivate(this.metadata.deviceOf(row.id));
    this.#active.delete(row.id);
    await this.removeDirectory(row.id);
  }

  /** The tree is on the device, so only the mount point is removed. */
  protected override async removeDirectory(id: number | string): Promise<void> {
    await rm(this.directory(id), { recursive: true, force: true });
  }

  protected async erase(row: Row): Promise<void> {
    this.onStep('unmounted');
    const id = this.metadata.deviceOf(row.id);
    if (row.snapshot.kind === 'committed')
      await this.#stepOn(() => this.metadata.markForRemoval(row, this.owners.own));
    else this.metadata.markForRemovalInTransaction(row, this.owners.own);
    this.onStep('deleted');
    this.#active.delete(row.id);
    await this.#devices.erase(id);
  }

  protected async measure(row: Row): Promise<Usage> {
    return this.#added(row, await fillOf(await this.mounted(row)));
  }

  /** Usage beyond the parent's; the root directory counts as the snapshot's own. */
  #added(row: Row, fill: Usage): Usage {
    const [parent] = this.metadata.ancestors(row.id);
    const before = parent === undefined ? this.#pool.config.empty : this.metadata.fillOf(parent);
    return {
      bytes: Math.max(0, fill.bytes - before.bytes),
      inodes: Math.max(0, fill.inodes - before.inodes) + 1,
    };
  }

  async #freeBytes(): Promise<number> {
    const { data } = await this.#pool.status();
    return data.total - data.used;
  }

  async space(key: string): Promise<Space> {
    const row = this.own(key);
    const { bsize, bfree, ffree } = await statfs(this.rootfs(row.id));
    const added = this.#added(row, await fillOf(this.rootfs(row.id)));
    return { bytes: Math.min(this.limitOf(key) - added.bytes, bsize * bfree), inodes: ffree };
  }

  async used(): Promise<number> {
    return (await this.#pool.status()).data.used;
  }

  /** Whether less is free than the low-water mark. */
  async isLow(): Promise<boolean> {
    return isLow(this.#pool.config, await this.#pool.status());
  }

  async check(): Promise<void> {
    await this.#devices.check();
  }

  override async reconcile(): Promise<void> {
    await super.reconcile();
    const claimed = this.metadata.claim(this.owners.own, await this.owners.list());
    for (const id of claimed) await this.#devices.erase(id);
    await this.#devices.removeUnknown();
  }

  /** Changes committed snapshots: first in the database, then with a new transaction of the pool. */
  async #stepOn(change: () => void): Promise<void> {
    await withPoolLock(this.#state, async () => {
      const { from, to } = this.metadata.stepOn(change);
      this.onStep('committed');
      await this.#pool.setTransactionId(from, to).catch((error: unknown) => {
        // Otherwise the next change would make them differ by two, which no crash does.
        this.metadata.stepBack(from);
        throw error;
      });
      this.onStep('stepped');
    });
  }

  #device(row: Row): Device {
    const device = this.#active.get(row.id);
    if (!device) throw new MillinerError('INTERNAL', `${row.snapshot.name} has no device`);
    return device;
  }

  override async close(): Promise<void> {
    await super.close();
    await this.#end();
  }
}

/**
 * A crash between a change of the database and the pool's transaction leaves the database one ahead, and the pool
 * follows. Any other difference means that one of the two was restored from a copy or replaced.
 */
async function rollForward(pool: Pool, metadata: ThinMetadata): Promise<void> {
  const expected = metadata.transactionId;
  const status = await pool.status();
  const found = status.transactionId;
  if (status.mode === 'failed') return requireWritable(status);
  if (found === expected) return;
  if (found === expected - 1 && status.mode !== 'ro') return pool.setTransactionId(found, expected);
  if (found === expected - 1) return;
  throw new MillinerError(
    'POOL_MISMATCH',
    `the pool is at transaction ${found}, its database at ${expected}: they do not belong together`,
    { details: { pool: pool.config.uuid, found, expected } },
  );
}
