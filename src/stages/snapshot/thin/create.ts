/** Creates and removes pools. If either is interrupted, the next run of either clears its remains. */
import { mkdir, realpath, rm } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { MillinerError } from '../../../lib/errors/error.ts';
import { removeDevice, targetVersion } from '../../../lib/host/device-mapper.ts';
import { isNearlyFull } from '../../../lib/host/files.ts';
import { withLock } from '../../../lib/host/locks.ts';
import { unmountAllBelow } from '../../../lib/host/mounts.ts';
import type { Usage } from '../snapshotter.ts';
import { examineDevice, makeLoopFile, removeLoopFile } from './backing.ts';
import { clearLabel, writeLabel } from './label.ts';
import {
  blockSectors,
  emptyId,
  findConfig,
  poolDirectory,
  sector,
  thinName,
  writeConfig,
  type Backing,
  type FileSystem,
  type PoolConfig,
} from './pool-config.ts';
import { firstTransaction, ThinMetadata } from './thin-database.ts';
import { makeFileSystem } from './thin-filesystem.ts';
import { startPool, stopPool, type Pool } from './thin-pool.ts';

export interface PoolRequest {
  /** Two block devices, or the size in bytes of a loop file. */
  on: { data: string; metadata: string } | { size: number };
  fileSystem: FileSystem;
  /** Bytes of each snapshot's file system. */
  volumeSize: number;
  lowWater: number;
}

const roles = ['data', 'metadata'] as const;

/** Runs fn while no other process uses the pool or starts to. Throws BUSY naming the user. */
export async function withExclusivePool<T>(state: string, fn: () => Promise<T>): Promise<T> {
  await mkdir(poolDirectory(state), { recursive: true, mode: 0o700 });
  return withLock(join(poolDirectory(state), 'use.lock'), 'exclusive', async () => {
    // No living process can have made these mounts.
    await unmountAllBelow(poolDirectory(state), { detach: true });
    return fn();
  });
}

/** Throws POOL_EXISTS, POOL_FOREIGN, DEVICE_UNUSABLE, HOST_MISSING, DISK_FULL, BUSY; then nothing has been changed. */
export async function createPool(state: string, request: PoolRequest): Promise<PoolConfig> {
  for (const target of ['thin-pool', 'thin', 'linear']) await targetVersion(target);
  return withExclusivePool(state, async () => {
    const there = await findConfig(state);
    if (there?.phase === 'ready') {
      throw new MillinerError('POOL_EXISTS', `${state} has a pool already: ${there.uuid}`);
    }
    if (there) await undo(state, there);
    const config = await plan(state, request);
    await writeConfig(state, config);
    try {
      const ready: PoolConfig = { ...config, phase: 'ready', empty: await make(state, config) };
      await writeConfig(state, ready);
      return ready;
    } catch (error) {
      await undo(state, config);
      const isFull = 'size' in request.on && (await isNearlyFull(poolDirectory(state)));
      throw isFull ? new MillinerError('DISK_FULL', `no space left in ${state}`, { cause: error }) : error;
    }
  });
}

/** Only checks, and writes nothing. */
async function plan(state: string, request: PoolRequest): Promise<PoolConfig> {
  const { on, fileSystem, lowWater } = request;
  const [data, metadata] = 'size' in on ? planFiles(state, on.size) : await planDevices(on);
  const needed = metadataBytes(data.sectors * sector, false);
  if (metadata.sectors * sector < needed) {
    throw new MillinerError(
      'DEVICE_UNUSABLE',
      `${metadata.path} has fewer than the ${needed} bytes that it needs`,
    );
  }
  const volumeSectors = Math.floor(request.volumeSize / sector);
  return {
    version: 1,
    uuid: randomUUID(),
    phase: 'creating',
    empty: { bytes: 0, inodes: 0 },
    fileSystem,
    volumeSectors,
    lowWater,
    data,
    metadata,
  };
}

function planFiles(state: string, size: number): [Backing, Backing] {
  const file = (name: string, bytes: number): Backing => ({
    kind: 'loop',
    path: join(poolDirectory(state), `${name}.img`),
    sectors: Math.floor(bytes / sector / blockSectors) * blockSectors,
  });
  return [file('data', size), file('metadata', metadataBytes(size, true))];
}

async function planDevices({
  data,
  metadata,
}: {
  data: string;
  metadata: string;
}): Promise<[Backing, Backing]> {
  const backings: [Backing, Backing] = [await examineDevice(data), await examineDevice(metadata)];
  if ((await realpath(data)) === (await realpath(metadata))) {
    throw new MillinerError(
      'DEVICE_UNUSABLE',
      `${data} is given for both data and metadata, which need a device each`,
    );
  }
  backings[0].sectors -= backings[0].sectors % blockSectors;
  // The kernel uses no more sectors, and warns about them.
  backings[1].sectors = Math.min(backings[1].sectors, maxMetadataBytes / sector);
  return backings;
}

/** THIN_METADATA_MAX_SECTORS (drivers/md/dm-thin-metadata.h). */
const maxMetadataBytes = 255 * (1 << 14) * 8 * sector;
const minMetadataBytes = 2 * 1024 ** 2;
const roomForSnapshots = 16 * 1024 ** 2;

/**
 * 48 bytes for each block, as thin-provisioning.rst advises. For sparse files, which cost nothing, space for a thousand
 * snapshots.
 */
export function metadataBytes(dataBytes: number, generous: boolean): number {
  const mapping = 48 * Math.ceil(dataBytes / (blockSectors * sector));
  const bytes = generous ? mapping + roomForSnapshots : Math.max(mapping, minMetadataBytes);
  return Math.min(Math.ceil(bytes / minMetadataBytes) * minMetadataBytes, maxMetadataBytes);
}

async function make(state: string, config: PoolConfig): Promise<Usage> {
  for (const role of roles) {
    const { kind, path, sectors } = config[role];
    if (kind === 'loop') await makeLoopFile(path, sectors * sector);
    await writeLabel(path, { pool: config.uuid, role });
  }
  const pool = await startPool(config, { isNew: true });
  const empty = await makeEmpty(state, pool);
  await pool.setTransactionId(0, firstTransaction);
  for (const suffix of ['', '-wal', '-shm']) await rm(`${databaseOf(state)}${suffix}`, { force: true });
  new ThinMetadata(databaseOf(state)).close();
  return empty;
}

const databaseOf = (state: string) => join(poolDirectory(state), 'metadata.db');
const emptyPlace = (state: string) => join(poolDirectory(state), 'empty');

async function makeEmpty(state: string, pool: Pool): Promise<Usage> {
  await pool.createThin(emptyId);
  const device = await pool.activate(emptyId);
  const place = emptyPlace(state);
  await mkdir(place, { recursive: true });
  const empty = await makeFileSystem(pool.config.fileSystem, device, place);
  await rm(place, { recursive: true });
  await removeDevice(thinName(pool.config, emptyId));
  return empty;
}

/** Throws SNAPSHOT_IN_USE if it has committed snapshots and `force` is false, POOL_MISSING, BUSY. */
export async function removePool(state: string, { force }: { force: boolean }): Promise<PoolConfig> {
  return withExclusivePool(state, async () => {
    const config = await findConfig(state);
    if (!config) throw new MillinerError('POOL_MISSING', `${state} has no pool`);
    const committed = config.phase === 'ready' ? countCommitted(state) : 0;
    if (committed > 0 && !force) {
      throw new MillinerError('SNAPSHOT_IN_USE', `the pool holds ${committed} snapshots of images`, {
        hint: 'If their images may be built again, run milliner pool remove --force.',
        details: { snapshots: committed },
      });
    }
    await stopPool(config);
    await writeConfig(state, { ...config, phase: 'creating' });
    await undo(state, config);
    return config;
  });
}

function countCommitted(state: string): number {
  const metadata = new ThinMetadata(databaseOf(state));
  try {
    return metadata.all().filter(({ snapshot }) => snapshot.kind === 'committed').length;
  } finally {
    metadata.close();
  }
}

async function undo(state: string, config: PoolConfig): Promise<void> {
  await unmountAllBelow(emptyPlace(state), { detach: true });
  await rm(emptyPlace(state), { recursive: true, force: true });
  await stopPool(config);
  for (const role of roles) {
    const backing = config[role];
    await clearLabel(backing.path, config.uuid).catch((error: NodeJS.ErrnoException) => {
      // The device or file does not exist any more.
      if (error.code !== 'ENOENT') throw error;
    });
    await removeLoopFile(backing);
  }
  for (const suffix of ['', '-wal', '-shm']) await rm(`${databaseOf(state)}${suffix}`, { force: true });
  await rm(join(poolDirectory(state), 'pool.json'), { force: true });
}
