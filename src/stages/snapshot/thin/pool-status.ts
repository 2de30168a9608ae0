/** Parses a thin pool's status line (Documentation/admin-guide/device-mapper/thin-provisioning.rst). */
import { MillinerError } from '../../../lib/errors/error.ts';
import { blockSectors, sector, type PoolConfig } from './pool-config.ts';

export interface PoolStatus {
  transactionId: number;
  /** Bytes. */
  metadata: { used: number; total: number };
  data: { used: number; total: number };
  mode: 'rw' | 'ro' | 'out_of_data_space' | 'failed';
  needsCheck: boolean;
}

const metadataBlock = 4096;
const blockBytes = blockSectors * sector;
/** Free metadata blocks that an operation requires: it uses about a dozen, and the kernel reserves some. */
const minFreeMetadata = 32;

/** failed: the kernel no longer serves the pool, and reports nothing else. */
export function parseStatus(line: string): PoolStatus {
  // TRANSACTION USED/TOTAL-METADATA USED/TOTAL-DATA HELD-ROOT MODE DISCARD NO-SPACE NEEDS-CHECK ...
  const fields = /^(\d+) (\d+)\/(\d+) (\d+)\/(\d+) (?:-|\d+) (ro|rw|out_of_data_space)\b(.*)$/.exec(
    line.trim(),
  );
  if (!fields) {
    const nothing = { used: 0, total: 0 };
    return { transactionId: -1, metadata: nothing, data: nothing, mode: 'failed', needsCheck: true };
  }
  const [, transactionId, usedMetadata, totalMetadata, usedData, totalData, mode, rest = ''] = fields;
  return {
    transactionId: Number(transactionId),
    metadata: { used: Number(usedMetadata) * metadataBlock, total: Number(totalMetadata) * metadataBlock },
    data: { used: Number(usedData) * blockBytes, total: Number(totalData) * blockBytes },
    mode: mode as PoolStatus['mode'],
    needsCheck: rest.trim().split(' ').includes('needs_check'),
  };
}

export function isLow({ lowWater }: PoolConfig, { data }: PoolStatus): boolean {
  return data.total - data.used < data.total * (lowWater / 100);
}

/** Throws POOL_DAMAGED, POOL_METADATA_FULL, POOL_FULL if nothing new can be written. */
export function requireWritable(status: PoolStatus): void {
  const { mode, needsCheck, metadata, data } = status;
  const details = { ...status };
  if (needsCheck) {
    const what =
      mode === 'failed' ? 'the kernel has given the pool up' : 'an operation on its metadata failed';
    throw new MillinerError('POOL_DAMAGED', `the pool must be checked: ${what}`, { details });
  }
  if (metadata.total - metadata.used < minFreeMetadata * metadataBlock) {
    const words = `${metadata.used} of ${metadata.total} bytes of the pool's metadata are in use`;
    throw new MillinerError('POOL_METADATA_FULL', words, { details });
  }
  if (mode === 'out_of_data_space' || data.used === data.total) {
    throw new MillinerError('POOL_FULL', `all ${data.total} bytes of the pool are in use`, { details });
  }
  if (mode === 'ro') throw new MillinerError('POOL_DAMAGED', 'the pool is read-only', { details });
}
