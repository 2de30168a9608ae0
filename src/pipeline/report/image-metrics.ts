/** Metrics of the images in the state, and of the disk that they lie on. */
import { statfs } from 'node:fs/promises';
import { MillinerError } from '../../lib/errors/error.ts';
import { spareBytes } from '../../lib/host/reserve.ts';
import type { Metric, Sample } from '../../stages/report/openmetrics.ts';
import { countBoots, readBootHistory } from '../state/boot-history.ts';
import { listRecords, type ImageRecord } from '../state/image-records.ts';
import { readVerdict } from '../state/verdicts.ts';

/** Throws STATE_INVALID. */
export async function imageMetrics(state: string): Promise<Metric[]> {
  const records = await listRecords(state);
  const boots = await Promise.all(records.map((record) => bootOf(state, record)));
  const counts = await Promise.all(
    records.map(async (record) => countBoots(await readBootHistory(state, record))),
  );
  const each = (valueOf: (record: ImageRecord, index: number) => number | undefined): Sample[] =>
    records.flatMap((record, index) => {
      const value = valueOf(record, index);
      return value === undefined ? [] : [{ labels: { image: record.name, arch: record.arch }, value }];
    });
  return [
    {
      name: 'milliner_images',
      type: 'gauge',
      help: 'Images in the state directory.',
      samples: [{ value: records.length }],
    },
    {
      name: 'milliner_image_size_bytes',
      type: 'gauge',
      unit: 'bytes',
      help: 'Compressed layers of an image, those of its bases included.',
      samples: each(({ layers }) => layers.reduce((sum, { size }) => sum + size, 0)),
    },
    {
      name: 'milliner_image_packages',
      type: 'gauge',
      help: 'Packages of an image, those of its bases included.',
      samples: each(({ packages }) => packages.length),
    },
    {
      name: 'milliner_image_boot_passed',
      type: 'gauge',
      help: 'Whether the last boot of an image passed; absent if it was never booted.',
      samples: each((_, index) => boots[index]?.passed),
    },
    {
      name: 'milliner_image_boot_seconds',
      type: 'gauge',
      unit: 'seconds',
      help: 'Time until the last boot of an image was ready.',
      samples: each((_, index) => boots[index]?.readySeconds),
    },
    {
      name: 'milliner_image_recent_boots',
      type: 'gauge',
      help: 'The last boots of a recipe that this state remembers, 50 at most.',
      samples: each((_, index) => counts[index]?.boots),
    },
    {
      name: 'milliner_image_recent_failed_boots',
      type: 'gauge',
      help: 'Those of them that failed.',
      samples: each((_, index) => counts[index]?.failed),
    },
    {
      name: 'milliner_image_recent_flaky_boots',
      type: 'gauge',
      help: 'Those of them that passed after the same image had failed.',
      samples: each((_, index) => counts[index]?.flaky),
    },
  ];
}

async function bootOf(
  state: string,
  { manifestDigest }: ImageRecord,
): Promise<{ passed: number; readySeconds: number | undefined } | undefined> {
  const verdict = await readVerdict(state, manifestDigest);
  return verdict && { passed: Number(verdict.passed), readySeconds: verdict.readySeconds };
}

/** Throws STATE_INVALID. */
export async function diskMetrics(state: string): Promise<Metric[]> {
  const { blocks, bavail, bsize } = await statfs(state).catch((cause: NodeJS.ErrnoException) => {
    throw new MillinerError('STATE_INVALID', `${state} cannot be read: ${cause.code}`, { cause });
  });
  const bytes = (name: string, help: string, value: number): Metric => ({
    name: `milliner_state_disk_${name}_bytes`,
    type: 'gauge',
    unit: 'bytes',
    help,
    samples: [{ value }],
  });
  return [
    bytes('size', 'Size of the file system of the state directory.', blocks * bsize),
    bytes('free', 'Free space of the file system of the state directory.', bavail * bsize),
    bytes(
      'spare',
      'Free space that builds may use; below zero if the reserve is in use.',
      await spareBytes(state),
    ),
  ];
}
