/** Grows a pool, also while it is in use. */
import { MillinerError } from '../../../lib/errors/error.ts';
import { replaceTable, deviceInfo } from '../../../lib/host/device-mapper.ts';
import { backingName, grownTable, makeLoopFile, refreshLoop, sectorsOf } from './backing.ts';
import { metadataBytes } from './create.ts';
import {
  blockSectors,
  poolName,
  readConfig,
  sector,
  writeConfig,
  type Backing,
  type PoolConfig,
} from './pool-config.ts';
import type { PoolStatus } from './pool-status.ts';
import { poolTable, startPool, withPoolLock } from './thin-pool.ts';

export interface GrowRequest {
  /** New size in bytes, for loop files; a block device is used up to its current size. */
  size?: number | undefined;
  metadataSize?: number | undefined;
}

/** Returns the new status. Throws POOL_MISSING, USAGE, DISK_FULL, DEVICE_UNUSABLE. */
export async function growPool(state: string, request: GrowRequest): Promise<PoolStatus> {
  return withPoolLock(state, async () => {
    const config = await readConfig(state);
    const pool = await startPool(config);
    const data = await grown(config.data, request.size, '--size');
    const minBytes = metadataBytes(data.sectors * sector, config.metadata.kind === 'loop');
    const wanted = config.metadata.kind === 'loop' ? (request.metadataSize ?? minBytes) : undefined;
    const metadata = await grown(
      config.metadata,
      wanted,
      '--metadata-size',
      request.metadataSize === undefined,
    );
    data.sectors -= data.sectors % blockSectors;
    // The next start uses the sizes of this file, so a crash from here on loses nothing.
    const after: PoolConfig = { ...config, data, metadata };
    await writeConfig(state, after);
    await apply(after);
    return pool.status();
  });
}

async function grown(
  backing: Backing,
  bytes: number | undefined,
  flag: string,
  atLeast = false,
): Promise<Backing> {
  if (backing.kind === 'block') {
    if (bytes !== undefined) {
      throw new MillinerError('USAGE', `${flag} is for pools in files; ${backing.path} is a device`, {
        hint: `Enlarge the device (lvextend), then run milliner pool grow without ${flag}.`,
      });
    }
    return { ...backing, sectors: Math.max(backing.sectors, await sectorsOf(backing.path)) };
  }
  if (bytes === undefined) return backing;
  const sectors = Math.floor(bytes / sector);
  if (sectors < backing.sectors && !atLeast) {
    throw new MillinerError('USAGE', `${flag} ${bytes} is less than the present ${backing.sectors * sector}`);
  }
  const larger = Math.max(sectors, backing.sectors);
  return makeLoopFile(backing.path, larger * sector);
}

async function apply(config: PoolConfig): Promise<void> {
  for (const role of ['metadata', 'data'] as const) {
    if (config[role].kind === 'loop') await refreshLoop(config[role].path);
    await replaceTable(backingName(config, role), await grownTable(config, role));
  }
  const [metadata, data] = [await numbers(config, 'metadata'), await numbers(config, 'data')];
  await replaceTable(poolName(config), poolTable(config, metadata, data));
}

async function numbers(config: PoolConfig, role: 'data' | 'metadata') {
  const found = await deviceInfo(backingName(config, role));
  if (!found) throw new MillinerError('INTERNAL', `${backingName(config, role)} is gone`);
  return found;
}
