/** A state directory's configuration of its pool: pool.json beside the snapshots' database. */
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { MillinerError } from '../../../lib/errors/error.ts';
import { writeFileAtomic } from '../../../lib/host/atomic-file.ts';

const backing = z.strictObject({
  /** loop: Milliner's own file. block: a device of the user. */
  kind: z.enum(['loop', 'block']),
  path: z.string(),
  /** Sectors that the pool may use, without the label. */
  sectors: z.int().positive(),
});

const schema = z.strictObject({
  version: z.literal(1),
  uuid: z.uuid(),
  /** creating: the pool has no snapshots yet, and may be removed. */
  phase: z.enum(['creating', 'ready']),
  fileSystem: z.enum(['ext4', 'xfs']),
  /** Sectors of each snapshot's file system. */
  volumeSectors: z.int().positive(),
  /** Percentage of free data below which commands warn. */
  lowWater: z.int().min(1).max(99),
  /** Usage of an empty file system. */
  empty: z.strictObject({ bytes: z.int(), inodes: z.int() }),
  data: backing,
  metadata: backing,
});

export type Backing = z.output<typeof backing>;
export type PoolConfig = z.output<typeof schema>;
export type FileSystem = PoolConfig['fileSystem'];

export const sector = 512;
/** ID of the empty file system that every snapshot without a parent is made from. */
export const emptyId = 0;
/**
 * Sectors of a block, the unit of sharing, copying and freeing. The kernel's minimum, because images consist of small
 * files.
 */
export const blockSectors = 128;

export const poolDirectory = (state: string) => join(resolve(state), 'snapshots', 'dm-thin');
const pathOf = (state: string) => join(poolDirectory(state), 'pool.json');

/** Undefined if no pool was set up, or its creation was interrupted. Throws STATE_INVALID. */
export async function findConfig(state: string): Promise<PoolConfig | undefined> {
  const path = pathOf(state);
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  try {
    return schema.parse(JSON.parse(text));
  } catch (cause) {
    throw new MillinerError('STATE_INVALID', `${path} does not describe a pool`, {
      cause,
      details: { path },
    });
  }
}

/** Throws POOL_MISSING. */
export async function readConfig(state: string): Promise<PoolConfig> {
  const config = await findConfig(state);
  if (config?.phase === 'ready') return config;
  throw new MillinerError('POOL_MISSING', `${state} has no pool`);
}

export async function writeConfig(state: string, config: PoolConfig): Promise<void> {
  await writeFileAtomic(pathOf(state), `${JSON.stringify(config, null, 1)}\n`);
}

/** Names of the pool's devices contain its UUID, so they are recognizable on any host. */
export const devicePrefix = ({ uuid }: PoolConfig) => `milliner-${uuid.slice(0, 8)}-`;
export const poolName = (config: PoolConfig) => `${devicePrefix(config)}pool`;
export const deviceUuid = ({ uuid }: PoolConfig, suffix: string | number) => `MILLINER-${uuid}-${suffix}`;
export const thinName = (config: PoolConfig, id: number) => `${devicePrefix(config)}thin-${id}`;
