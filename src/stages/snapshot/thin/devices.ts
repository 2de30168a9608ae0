/** The thin devices of a pool's snapshots: creates them from an origin, and frees their IDs and space. */
import {
  deviceInfo,
  listDevices,
  removeDevice,
  resumeDevice,
  whileSuspended,
  type Device,
} from '../../../lib/host/device-mapper.ts';
import { native, type NativeError } from '../../../lib/host/native.ts';
import { Turn } from '../../../lib/host/parallel.ts';
import { devicePrefix, thinName } from './pool-config.ts';
import { requireWritable } from './pool-status.ts';
import type { Origin, ThinMetadata } from './thin-database.ts';
import { withPoolLock, type Pool } from './thin-pool.ts';

export type DeviceStep = 'created' | 'activated' | 'discarded' | 'deactivated' | 'erased' | 'forgotten';

const checkMilliseconds = 500;

interface DeviceRequest {
  id: number;
  origin: Origin;
  readOnly: boolean;
  onCreated: (device: Device) => void;
}

export class ThinDevices {
  readonly #state: string;
  readonly #pool: Pool;
  readonly #metadata: ThinMetadata;
  readonly #onStep: (step: DeviceStep) => void;
  /** One for the database, one for the kernel. */
  readonly #turns = [new Turn(), new Turn()] as const;
  /** Time of the last check that the pool has space. */
  #checked = -Infinity;

  constructor(state: string, pool: Pool, metadata: ThinMetadata, onStep: (step: DeviceStep) => void) {
    this.#state = state;
    this.#pool = pool;
    this.#metadata = metadata;
    this.#onStep = onStep;
  }

  /**
   * One call at a time, as the kernel and libdevmapper would run them anyway: waiting calls would occupy threads that
   * could mount file systems. The next device is recorded in the database while the kernel makes the current one.
   */
  async make(begin: () => DeviceRequest): Promise<void> {
    const endFirst = await this.#turns[0].take();
    let end = () => {};
    try {
      const request = begin();
      end = await this.#turns[1].take();
      endFirst();
      await this.#make(request);
    } finally {
      endFirst();
      end();
    }
  }

  async #make({ id, origin, readOnly, onCreated }: DeviceRequest): Promise<void> {
    try {
      await this.#checkNowAndThen();
      await this.#createSnapshot(id, origin);
      this.#onStep('created');
      onCreated(await this.#pool.activate(id, { readOnly }));
      this.#onStep('activated');
    } catch (error) {
      // Reports the pool's state if it is the cause of the kernel's error.
      await this.check();
      throw error;
    }
  }

  async check(): Promise<void> {
    requireWritable(await this.#pool.status());
  }

  /** Checks the space before the kernel has to refuse; not for each of many snapshots in a row. */
  async #checkNowAndThen(): Promise<void> {
    if (performance.now() - this.#checked < checkMilliseconds) return;
    await this.check();
    this.#checked = performance.now();
  }

  /**
   * A committed snapshot has no active device, unless some process had it open when it was committed. An active origin
   * must be suspended, or the new snapshot is corrupt, and the kernel does not enforce that. The lock keeps a second
   * process from resuming the origin too early.
   */
  async #createSnapshot(id: number, origin: Origin): Promise<void> {
    const name = thinName(this.#pool.config, origin.id);
    const snapshotOrigin = () => this.#pool.createSnapshot(id, origin.id);
    if (!origin.active || !(await deviceInfo(name))) return snapshotOrigin();
    await withPoolLock(this.#state, async () =>
      whileSuspended(name, snapshotOrigin).catch((error: NativeError) => {
        // The device was removed in the meantime.
        if (error.code === 'ENXIO') return snapshotOrigin();
        throw error;
      }),
    );
  }

  /** Deactivates the device of a committed snapshot. */
  async deactivate(id: number): Promise<void> {
    if (await removeDevice(thinName(this.#pool.config, id))) this.#metadata.setInactive(id);
    this.#onStep('deactivated');
  }

  /** Frees an ID and its space; if the device is open, a later reconcile does it. */
  async erase(id: number): Promise<void> {
    await this.#discard(id);
    this.#onStep('discarded');
    const isRemoved = await removeDevice(thinName(this.#pool.config, id));
    this.#onStep('deactivated');
    if (!isRemoved || !(await this.#pool.delete(id))) return this.#metadata.release(id);
    this.#onStep('erased');
    this.#metadata.forget(id);
    this.#onStep('forgotten');
  }

  /** Discards the device's blocks: deleting an ID frees them in the pool, but not in the file or device below. */
  async #discard(id: number): Promise<void> {
    try {
      const device = (await deviceInfo(thinName(this.#pool.config, id))) ?? (await this.#pool.activate(id));
      if (!('readOnly' in device && device.readOnly)) await native().discard(device.path);
    } catch (error) {
      const { code } = error as NativeError;
      // The ID was never created, the device is still mounted, or the pool is full, read-only, or on a device without
      // discards.
      if (!['ENODATA', 'EBUSY', 'EOPNOTSUPP', 'EIO', 'ENOSPC', 'EROFS', 'ENXIO'].includes(code)) throw error;
    }
  }

  /**
   * Removes devices whose ID is no longer in the database, and those of committed snapshots that are no longer open.
   */
  async removeUnknown(): Promise<void> {
    const prefix = `${devicePrefix(this.#pool.config)}thin-`;
    // The devices are listed first, because an ID is recorded before its device is made.
    const names = await listDevices(prefix);
    const devices = this.#metadata.devices();
    const known = new Map(devices.map((one) => [one.id, one.kind]));
    for (const name of names) {
      const kind = known.get(Number(name.slice(prefix.length)));
      if (kind === undefined || kind === 'committed') await removeDevice(name);
    }
    for (const { id, active, kind } of devices) {
      if (kind !== 'committed' || !active) continue;
      const name = thinName(this.#pool.config, id);
      if (!(await deviceInfo(name))) this.#metadata.setInactive(id);
      // Still open. A process that took a snapshot of it may have died before it resumed the device.
      else await withPoolLock(this.#state, () => resumeDevice(name));
    }
  }
}
