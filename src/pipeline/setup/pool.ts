/** For `pool`: the dm-thin pool of a state directory, and the space that each image takes in it. */
import { MillinerError } from '../../lib/errors/error.ts';
import { createPool, removePool, type PoolRequest } from '../../stages/snapshot/thin/create.ts';
import { growPool, type GrowRequest } from '../../stages/snapshot/thin/grow.ts';
import { checkPool, repairPool, type PoolCheck, type Repaired } from '../../stages/snapshot/thin/repair.ts';
import { reportPool, type PoolReport } from '../../stages/snapshot/thin/report.ts';
import type { RunOptions } from '../state/context.ts';
import { listRecords, removeRecord } from '../state/image-records.ts';

export interface PoolState extends Omit<PoolReport, 'config'> {
  uuid: string;
  fileSystem: string;
  data: string;
  metadata: string;
  /** Bytes of the pool that an image's tree maps, and those that no other tree shares. */
  images: { name: string; digest: string; mapped: number; exclusive: number }[];
}

export async function createStatePool(
  { state, progress }: RunOptions,
  request: PoolRequest,
): Promise<PoolState> {
  demandRoot();
  progress.step('setting up the pool');
  await createPool(state, request);
  return poolStatus(state);
}

export async function poolStatus(state: string): Promise<PoolState> {
  demandRoot();
  const { config, ...report } = await reportPool(state);
  const costs = new Map(report.snapshots.map((one) => [one.name, one]));
  const images = (await listRecords(state)).flatMap(({ name, manifestDigest, snapshot }) => {
    const cost = costs.get(snapshot);
    return cost ? [{ name, digest: manifestDigest, mapped: cost.mapped, exclusive: cost.exclusive }] : [];
  });
  const { uuid, fileSystem, data, metadata } = config;
  return { uuid, fileSystem, data: data.path, metadata: metadata.path, ...report, images };
}

export async function growStatePool(
  { state, progress }: RunOptions,
  request: GrowRequest,
): Promise<PoolState> {
  demandRoot();
  progress.step('growing the pool');
  await growPool(state, request);
  return poolStatus(state);
}

/** Throws POOL_DAMAGED with the problems. */
export async function checkStatePool({ state, progress }: RunOptions): Promise<PoolCheck> {
  demandRoot();
  progress.step('checking the metadata (thin_check)');
  const checked = await checkPool(state);
  if (checked.clean) return checked;
  const { problems, unknown, lost } = checked;
  const words = [
    ...problems.slice(0, 5),
    ...(unknown.length > 0 ? [`${unknown.length} thin ids that no snapshot has`] : []),
    ...(lost.length > 0 ? [`snapshots without their thin ids: ${lost.join(', ')}`] : []),
  ];
  throw new MillinerError('POOL_DAMAGED', `the pool is not clean: ${words.join('; ')}`, {
    details: { ...checked },
  });
}

/**
 * Repairs the pool and removes the records of images whose snapshots are lost, so that the next build makes them again.
 */
export async function repairStatePool({
  state,
  progress,
}: RunOptions): Promise<Repaired & { images: string[] }> {
  demandRoot();
  progress.step('repairing the metadata');
  const repaired = await repairPool(state);
  const images: string[] = [];
  for (const record of await listRecords(state)) {
    if (!repaired.lost.includes(record.snapshot)) continue;
    await removeRecord(state, record);
    images.push(record.name);
  }
  return { ...repaired, images };
}

export async function removeStatePool(state: string, options: { force: boolean }): Promise<{ uuid: string }> {
  demandRoot();
  const { uuid } = await removePool(state, options);
  return { uuid };
}

function demandRoot(): void {
  if (process.getuid?.() !== 0) throw new MillinerError('NOT_ROOT', 'device-mapper needs root');
}
