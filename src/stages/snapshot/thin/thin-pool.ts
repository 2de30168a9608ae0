/** The pool in the kernel: starts and stops it, reads its status, and sends it messages about thin IDs. */
import { join } from 'node:path';
import { MillinerError } from '../../../lib/errors/error.ts';
import {
  createDevice,
  deviceInfo,
  deviceStatus,
  listDevices,
  removeDevice,
  resumeDevice,
  sendMessage,
  targetVersion,
  type Device,
  type Target,
} from '../../../lib/host/device-mapper.ts';
import { withLock, type LockOptions } from '../../../lib/host/locks.ts';
import type { NativeError } from '../../../lib/host/native.ts';
import { attach, backingName, detach } from './backing.ts';
import { hasSuperblock } from './label.ts';
import {
  blockSectors,
  devicePrefix,
  deviceUuid,
  poolDirectory,
  poolName,
  thinName,
  type PoolConfig,
} from './pool-config.ts';
import { parseStatus, type PoolStatus } from './pool-status.ts';

/** Runs fn while no other process starts, stops or changes the pool. Never held during mkfs, mount or copying. */
export async function withPoolLock<T>(
  state: string,
  fn: () => Promise<T>,
  options: LockOptions = {},
): Promise<T> {
  return withLock(join(poolDirectory(state), 'pool.lock'), 'exclusive', fn, { wait: true, ...options });
}

/**
 * Starts the pool if it is not running, as after a reboot. Throws HOST_MISSING, POOL_FOREIGN, POOL_DAMAGED,
 * DEVICE_UNUSABLE.
 */
export async function startPool(config: PoolConfig, { isNew = false } = {}): Promise<Pool> {
  const name = poolName(config);
  const there = await deviceInfo(name);
  if (there) {
    // A process that grew the pool may have been killed with devices suspended; this process has the lock.
    for (const one of [backingName(config, 'metadata'), backingName(config, 'data'), name])
      await resumeDevice(one);
    return new Pool(config, there);
  }
  for (const target of ['thin-pool', 'linear']) await targetVersion(target);
  try {
    return new Pool(
      config,
      await createDevice(name, deviceUuid(config, 'pool'), await assemble(config, isNew)),
    );
  } catch (error) {
    await stopBacking(config);
    throw error;
  }
}

async function assemble(config: PoolConfig, isNew: boolean): Promise<Target[]> {
  if (!isNew && !(await hasSuperblock(config.metadata.path))) {
    throw new MillinerError(
      'POOL_DAMAGED',
      `${config.metadata.path} does not begin like the metadata of a pool`,
    );
  }
  const metadata = await attach(config, 'metadata');
  const data = await attach(config, 'data');
  return poolTable(config, metadata, data);
}

type Numbers = Pick<Device, 'major' | 'minor'>;

export function poolTable(
  { data: { sectors }, lowWater }: PoolConfig,
  metadata: Numbers,
  data: Numbers,
): Target[] {
  const lowWaterBlocks = Math.ceil((sectors / blockSectors) * (lowWater / 100));
  const at = ({ major, minor }: Numbers) => `${major}:${minor}`;
  const params = [at(metadata), at(data), blockSectors, lowWaterBlocks, 1, 'error_if_no_space'];
  return [{ start: 0, length: sectors, type: 'thin-pool', params: params.join(' ') }];
}

/** Removes all devices of the pool. Throws BUSY if one is open. */
export async function stopPool(config: PoolConfig): Promise<void> {
  const prefix = devicePrefix(config);
  for (const name of await listDevices(`${prefix}thin-`)) await requireRemoved(name);
  await requireRemoved(poolName(config));
  await stopBacking(config);
}

async function stopBacking(config: PoolConfig): Promise<void> {
  for (const role of ['data', 'metadata'] as const) {
    if (!(await detach(config, role))) throw busy(role);
  }
}

async function requireRemoved(name: string): Promise<void> {
  if (!(await removeDevice(name))) throw busy(name);
}

function busy(name: string): MillinerError {
  return new MillinerError('BUSY', `${name} is in use until its last user ends`, {
    details: { name },
  });
}

export class Pool {
  readonly config: PoolConfig;
  readonly #device: Numbers;

  constructor(config: PoolConfig, device: Numbers) {
    this.config = config;
    this.#device = device;
  }

  async status(): Promise<PoolStatus> {
    const [line] = await deviceStatus(poolName(this.config));
    return parseStatus(line?.params ?? '');
  }

  /** The kernel accepts it only if the current transaction is `from`; otherwise EINVAL. */
  async setTransactionId(from: number, to: number): Promise<void> {
    await this.#sendMessage(`set_transaction_id ${from} ${to}`);
  }

  async createThin(id: number): Promise<void> {
    await this.#create(id, `create_thin ${id}`);
  }

  /** The origin must be inactive or suspended. */
  async createSnapshot(id: number, origin: number): Promise<void> {
    await this.#create(id, `create_snap ${id} ${origin}`);
  }

  /** If the pool already has an ID that the database just assigned, no snapshot uses it: it is deleted first. */
  async #create(id: number, message: string): Promise<void> {
    try {
      await this.#sendMessage(message);
    } catch (error) {
      if ((error as NativeError).code !== 'EEXIST') throw error;
      await this.delete(id);
      await this.#sendMessage(message);
    }
  }

  /** False if the pool is read-only and keeps it. A missing ID counts as deleted. */
  async delete(id: number): Promise<boolean> {
    try {
      await this.#sendMessage(`delete ${id}`);
      return true;
    } catch (error) {
      const { code } = error as NativeError;
      if (code === 'ENODATA') return true;
      if (code === 'EOPNOTSUPP') return false;
      throw error;
    }
  }

  /** The kernel fails with ENODATA if the pool has no such ID. */
  async activate(id: number, options: { readOnly?: boolean } = {}): Promise<Device> {
    const { major, minor } = this.#device;
    const params = `${major}:${minor} ${id}`;
    const table = [{ start: 0, length: this.config.volumeSectors, type: 'thin', params }];
    return createDevice(thinName(this.config, id), deviceUuid(this.config, id), table, options);
  }

  async #sendMessage(message: string): Promise<void> {
    await sendMessage(poolName(this.config), message);
  }
}
