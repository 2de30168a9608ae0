/** Reports the usage of a pool and of each snapshot in it. */
import { join } from 'node:path';
import { deviceInfo, sendMessage } from '../../../lib/host/device-mapper.ts';
import type { NativeError } from '../../../lib/host/native.ts';
import { backingName } from './backing.ts';
import { poolDirectory, poolName, readConfig, type PoolConfig } from './pool-config.ts';
import { isLow, type PoolStatus } from './pool-status.ts';
import { list } from './repair.ts';
import { ThinMetadata } from './thin-database.ts';
import { startPool, withPoolLock } from './thin-pool.ts';

interface SnapshotCost {
  name: string;
  kind: string;
  /** Bytes of the pool that the snapshot uses, shared ones included. */
  mapped: number;
  /** Bytes that only this snapshot uses: its removal would free them. */
  exclusive: number;
}

export interface PoolReport {
  config: PoolConfig;
  status: PoolStatus;
  /** Whether less is free than the low-water mark. */
  isLow: boolean;
  snapshots: SnapshotCost[];
}

/** Throws POOL_MISSING, POOL_FOREIGN, POOL_DAMAGED, HOST_MISSING. */
export async function reportPool(state: string): Promise<PoolReport> {
  const config = await readConfig(state);
  return withPoolLock(state, async () => {
    const pool = await startPool(config);
    const costs = await costsOf(config);
    const status = await pool.status();
    const metadata = new ThinMetadata(join(poolDirectory(state), 'metadata.db'));
    try {
      const snapshots = metadata.devices().flatMap(({ id, kind, name }) => {
        const cost = costs.get(id);
        return kind === undefined || !cost ? [] : [{ name: name!, kind, ...cost }];
      });
      return { config, status, isLow: isLow(config, status), snapshots };
    } finally {
      metadata.close();
    }
  });
}

/** Reads a metadata snapshot, which the kernel keeps while it is read. */
async function costsOf(config: PoolConfig): Promise<Map<number, Pick<SnapshotCost, 'mapped' | 'exclusive'>>> {
  const name = poolName(config);
  await sendMessage(name, 'reserve_metadata_snap').catch(async (error: NativeError) => {
    if (error.code !== 'EBUSY') throw error;
    // A killed process left it: this one has the lock.
    await sendMessage(name, 'release_metadata_snap');
    await sendMessage(name, 'reserve_metadata_snap');
  });
  try {
    const device = await deviceInfo(backingName(config, 'metadata'));
    const args = [
      '--metadata-snap',
      '--no-headers',
      '--format',
      'DEV,MAPPED_BYTES,EXCLUSIVE_BYTES',
      device!.path,
    ];
    const { output } = await list(args);
    const lines = output
      .trim()
      .split('\n')
      .map((line) => line.trim().split(/\s+/).map(Number));
    return new Map(lines.map(([id = 0, mapped = 0, exclusive = 0]) => [id, { mapped, exclusive }]));
  } finally {
    await sendMessage(name, 'release_metadata_snap');
  }
}
