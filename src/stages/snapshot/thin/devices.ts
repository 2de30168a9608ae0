/** The thin devices of a pool's snapshots: made from an origin, and given back with their ids and their space. */
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
  /** The database's, and the kernel's. */
  readonly #turns = [new Turn(), new Turn()] as const;
  /** When the pool was last seen to have room. */
  #checked = -Infinity;

  constructor(state: string, pool: Pool, metadata: ThinMetadata, onStep: (step: DeviceStep) => void) {
    this.#state = state;
    this.#pool = pool;
    this.#metadata = metadata;
    this.#onStep = onStep;
  }

  /**
   * One after another, which the kernel and libdevmapper would make of them anyway: so they do not keep the threads
   * that others of this process could mount with. While the kernel makes one, the next is begun: recorded.
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
      // Why the kernel would not, where the pool is the reason.
      await this.check();
      throw error;
    }
  }

  async check(): Promise<void> {
    requireWritable(await this.#pool.status());
  }

  /** Before the pool is so full that the kernel has to refuse; it is not asked for each of many in a row. */
  async #checkNowAndThen(): Promise<void> {
    if (performance.now() - this.#checked < checkMilliseconds) return;
    await this.check();
    this.#checked = performance.now();
  }

  /**
   * A committed snapshot is not active, unless somebody held its device open when it was committed. The kernel does
   * not see to it that an active origin is suspended, and a snapshot taken without that is corrupt; and two who do it
   * at once would resume it under each other.
   */
  async #createSnapshot(id: number, origin: Origin): Promise<void> {
    const name = thinName(this.#pool.config, origin.id);
    const snapshotOrigin = () => this.#pool.createSnapshot(id, origin.id);
    if (!origin.active || !(await deviceInfo(name))) return snapshotOrigin();
    await withPoolLock(this.#state, async () =>
      whileSuspended(name, snapshotOrigin).catch((error: NativeError) => {
        // It has gone meanwhile.
        if (error.code === 'ENXIO') return snapshotOrigin();
        throw error;
      }),
    );
  }

  /** Of a committed snapshot. */
  async deactivate(id: number): Promise<void> {
    if (await removeDevice(thinName(this.#pool.config, id))) this.#metadata.setInactive(id);
    this.#onStep('deactivated');
  }

  /** Gives an id and its space back; one that is still held open goes with a later reconcile. */
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

  /** Devices whose id has left the database, and those of committed snapshots whose last user has ended. */
  async removeUnknown(): Promise<void> {
    const prefix = `${devicePrefix(this.#pool.config)}thin-`;
    // Devices before the database, because an id is in there before its device.
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
      // Still open, and whoever took a snapshot of it may have been killed meanwhile.
      else await withPoolLock(this.#state, () => resumeDevice(name));
    }
  }
}
