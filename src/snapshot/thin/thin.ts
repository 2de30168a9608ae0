/**
 * Snapshots as thin devices of a dm-thin pool, each with a file system of its own that shares its blocks with its
 * parent's (Documentation/admin-guide/device-mapper/thin-provisioning.rst). DIR/ID/rootfs is where one is mounted.
 */
import { rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { MillinerError } from '../../errors.ts';
import {
  deviceInfo,
  listDevices,
  removeDevice,
  whileSuspended,
  type Device,
} from '../../host/devicemapper.ts';
import { syncPath } from '../../host/files.ts';
import { acquire } from '../../host/locks.ts';
import type { MountSpec } from '../../host/mounts.ts';
import { native, type NativeError } from '../../host/native.ts';
import { BaseSnapshotter, openDirectory, type Opened } from '../base.ts';
import type { Row } from '../metadata.ts';
import type { Space, Usage } from '../snapshot.ts';
import { devicePrefix, emptyId, readConfig, thinName } from './config.ts';
import { fillOf, hasFailed, mountSpec } from './filesystem.ts';
import { ThinMetadata } from './metadata.ts';
import { startPool, withPoolLock, type Pool } from './pool.ts';
import { demandWritable } from './status.ts';

export type ThinStep =
  | 'inserted'
  | 'created'
  | 'activated'
  | 'settled'
  | 'synced'
  | 'committed'
  | 'stepped'
  | 'deactivated'
  | 'unmounted'
  | 'deleted'
  | 'discarded'
  | 'erased'
  | 'forgotten';

export class ThinSnapshotter extends BaseSnapshotter<ThinMetadata, ThinStep> {
  readonly name = 'dm-thin';
  readonly #state: string;
  readonly #pool: Pool;
  /** The devices of this process's snapshots, by row. */
  readonly #devices = new Map<number, Device>();
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
  }

  /**
   * Starts the pool, holds the database against it and reconciles. Throws POOL_MISSING, POOL_MISMATCH, POOL_FOREIGN,
   * POOL_DAMAGED, DEVICE_UNUSABLE, HOST_MISSING, NOT_ROOT, STATE_INVALID.
   */
  static async open(state: string, onStep?: (step: ThinStep) => void): Promise<ThinSnapshotter> {
    const config = await readConfig(state);
    const opened = await openDirectory(state, 'dm-thin', (path) => new ThinMetadata(path));
    // Whoever stops or repairs the pool waits until nobody uses it.
    const use = await acquire(join(opened.root, 'use.lock'), 'shared').catch((error: unknown) => {
      opened.metadata.close();
      throw error;
    });
    try {
      const pool = await withPoolLock(state, async () => {
        const started = await startPool(config);
        await rollForward(started, opened.metadata);
        return started;
      });
      const snapshotter = new ThinSnapshotter(state, opened, pool, onStep);
      await snapshotter.reconcile();
      snapshotter.#end = () => use.close();
      return snapshotter;
    } catch (error) {
      await opened.owners.close();
      opened.metadata.close();
      await use.close();
      throw error;
    }
  }

  protected insert(key: string, kind: 'active' | 'view', parent: string | undefined): Row {
    const row = this.metadata.insert(key, kind, this.owners.own, parent);
    this.onStep('inserted');
    return row;
  }

  protected async make(row: Row): Promise<void> {
    const [parent] = this.metadata.ancestors(row.id);
    const origin = parent === undefined ? emptyId : this.metadata.deviceOf(parent);
    const id = this.metadata.deviceOf(row.id);
    await this.#createSnapshot(id, origin);
    this.onStep('created');
    this.#devices.set(row.id, await this.#pool.activate(id, { readOnly: row.snapshot.kind === 'view' }));
    this.onStep('activated');
  }

  /**
   * A committed snapshot is not active, unless somebody held its device open when it was committed. The kernel does
   * not see to it that an active origin is suspended, and a snapshot taken without that is corrupt; and two who do it
   * at once would resume it under each other.
   */
  async #createSnapshot(id: number, origin: number): Promise<void> {
    const name = thinName(this.#pool.config, origin);
    const take = () => this.#pool.createSnapshot(id, origin);
    const [active] = await Promise.all([deviceInfo(name), this.check()]);
    if (!active) return take();
    await withPoolLock(this.#state, async () =>
      whileSuspended(name, take).catch((error: NativeError) => {
        // It has gone meanwhile.
        if (error.code === 'ENXIO') return take();
        throw error;
      }),
    );
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
    // Data that the pool had no room for is lost without a word to whoever wrote it.
    await this.check();
    this.onStep('synced');
    await this.#stepOn(() => {
      this.metadata.setFill(row.id, fill);
      this.metadata.setUsage(row.id, this.#added(row, fill));
      this.metadata.commit(row.id, name, labels);
    });
  }

  /** Writes everything and unmounts; gives what the file system then holds. */
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

  protected async tidy(row: Row): Promise<void> {
    await this.unmountRow(row, { detach: true });
    await removeDevice(thinName(this.#pool.config, this.metadata.deviceOf(row.id)));
    this.#devices.delete(row.id);
    this.onStep('deactivated');
    await this.removeDirectory(row.id);
  }

  /** Its tree is on the device: here is nothing but the place where that was mounted. */
  protected override async removeDirectory(id: number): Promise<void> {
    await rm(this.directory(id), { recursive: true, force: true });
  }

  protected async erase(row: Row): Promise<void> {
    this.onStep('unmounted');
    const id = this.metadata.deviceOf(row.id);
    if (row.snapshot.kind === 'committed')
      await this.#stepOn(() => this.metadata.condemn(row, this.owners.own));
    else this.metadata.condemnAlone(row, this.owners.own);
    this.onStep('deleted');
    this.#devices.delete(row.id);
    await this.#eraseDevice(id);
  }

  /** Gives an id and its space back; one that is still held open goes with a later reconcile. */
  async #eraseDevice(id: number): Promise<void> {
    const name = thinName(this.#pool.config, id);
    await this.#discard(id);
    this.onStep('discarded');
    const isGone = await removeDevice(name);
    this.onStep('deactivated');
    if (!isGone || !(await this.#pool.delete(id))) return this.metadata.release(id);
    this.onStep('erased');
    this.metadata.forget(id);
    this.onStep('forgotten');
  }

  /** A deleted id's blocks are free in the pool; only a discard gives them back to what the pool lies on. */
  async #discard(id: number): Promise<void> {
    try {
      const device = (await deviceInfo(thinName(this.#pool.config, id))) ?? (await this.#pool.activate(id));
      if (!('readOnly' in device && device.readOnly)) await native().discard(device.path);
    } catch (error) {
      const { code } = error as NativeError;
      // The id never came to be; it is still mounted; the pool lies on what takes no discards, is full or read-only.
      if (!['ENODATA', 'EBUSY', 'EOPNOTSUPP', 'EIO', 'ENOSPC', 'EROFS', 'ENXIO'].includes(code)) throw error;
    }
  }

  protected async measure(row: Row): Promise<Usage> {
    return this.#added(row, await fillOf(await this.mount(row.snapshot.name)));
  }

  /** What the file system holds beyond the parent's; its root counts as one of its own. */
  #added(row: Row, fill: Usage): Usage {
    const [parent] = this.metadata.ancestors(row.id);
    const before = parent === undefined ? this.#pool.config.empty : this.metadata.fillOf(parent);
    return {
      bytes: Math.max(0, fill.bytes - before.bytes),
      inodes: Math.max(0, fill.inodes - before.inodes) + 1,
    };
  }

  async space(key: string): Promise<Space> {
    const { bsize, bfree, ffree } = await statfs(this.rootfs(this.own(key).id));
    const { data } = await this.#pool.status();
    return { bytes: Math.min(bsize * bfree, data.total - data.used), inodes: ffree };
  }

  async used(): Promise<number> {
    return (await this.#pool.status()).data.used;
  }

  async check(): Promise<void> {
    demandWritable(await this.#pool.status());
  }

  override async reconcile(): Promise<void> {
    await super.reconcile();
    for (const id of this.metadata.claim(this.owners.own, await this.owners.list()))
      await this.#eraseDevice(id);
    await this.#removeUnknownDevices();
  }

  /** Devices whose id has left the database, and those of committed snapshots whose last user has ended. */
  async #removeUnknownDevices(): Promise<void> {
    const prefix = `${devicePrefix(this.#pool.config)}thin-`;
    // Devices before the database, because an id is in there before its device.
    const names = await listDevices(prefix);
    const known = new Map(this.metadata.devices().map((one) => [one.id, one.kind]));
    for (const name of names) {
      const kind = known.get(Number(name.slice(prefix.length)));
      if (kind === undefined || kind === 'committed') await removeDevice(name);
    }
  }

  /** A change of what is committed: first in the database, then counted by the pool. */
  async #stepOn(change: () => void): Promise<void> {
    await withPoolLock(this.#state, async () => {
      const { from, to } = this.metadata.stepOn(change);
      this.onStep('committed');
      await this.#pool.setTransactionId(from, to);
      this.onStep('stepped');
    });
  }

  #device(row: Row): Device {
    const device = this.#devices.get(row.id);
    if (!device) throw new MillinerError('INTERNAL', `${row.snapshot.name} has no device`);
    return device;
  }

  override async close(): Promise<void> {
    await super.close();
    await this.#end();
  }
}

/**
 * The database is one step ahead where a crash came between its change and the pool's: the pool follows. Anything
 * else means that one of the two is not the other's: restored from a copy, or exchanged.
 */
async function rollForward(pool: Pool, metadata: ThinMetadata): Promise<void> {
  const expected = metadata.transactionId;
  const status = await pool.status();
  const found = status.transactionId;
  if (status.mode === 'failed') return demandWritable(status);
  if (found === expected) return;
  if (found === expected - 1 && status.mode !== 'ro') return pool.setTransactionId(found, expected);
  if (found === expected - 1) return;
  throw new MillinerError(
    'POOL_MISMATCH',
    `the pool is at transaction ${found}, its database at ${expected}: they do not belong together`,
    { details: { pool: pool.config.uuid, found, expected } },
  );
}
