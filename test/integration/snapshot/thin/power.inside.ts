/**
 * Power that fails at any moment: all writes of a state directory and its pool are recorded with their flushes, and
 * played again up to a point. Before the last flush all have arrived; of those after it, some.
 */
import { execFileSync } from 'node:child_process';
import { mkdtemp, open, rm, type FileHandle } from 'node:fs/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createDevice, removeDevice, sendMessage } from '../../../../src/lib/host/device-mapper.ts';
import { createPool } from '../../../../src/stages/snapshot/thin/create.ts';
import { readConfig } from '../../../../src/stages/snapshot/thin/pool-config.ts';
import { stopPool } from '../../../../src/stages/snapshot/thin/thin-pool.ts';
import { ThinSnapshotter } from '../../../../src/stages/snapshot/thin/thin.ts';
import { auditPool } from '../../../helpers/snapshot/drivers.ts';
import { certify, expectedAfter, goOn } from './certify.ts';
import { churn } from './churn.ts';
import { makeDisk, removeDisks } from './devices.ts';
import { readLog, replay, type Entry } from './logwrites.ts';
import { mountState, paths, split, splitMebibytes, unsplit } from './split.ts';

const points = process.env['MILLINER_SOAK'] ? 200 : 3;
const rounds = process.env['MILLINER_SOAK'] ? 60 : 8;

let place: string;
beforeEach(async () => {
  place = await mkdtemp('/var/tmp/milliner-power-');
});
afterEach(async () => {
  removeDisks();
  await rm(place, { recursive: true });
});

const disk = (name: string, mebibytes: number) => makeDisk(`${place}/${name}`, mebibytes);

const sectors = splitMebibytes * 2048;

async function record(log: string): Promise<void> {
  const target = await disk('recorded', splitMebibytes);
  const table = [{ start: 0, length: sectors, type: 'log-writes', params: `${target} ${log}` }];
  const device = await createDevice('recorded', 'RECORDED', table);
  await split(device.path);
  execFileSync('mkfs.ext4', ['-q', '/run/split/state']);
  await mountState();
  await createPool(paths.state, {
    on: { data: paths.data, metadata: paths.metadata },
    fileSystem: 'ext4',
    volumeSize: 1024 ** 3,
    lowWater: 20,
  });
  const mark = (text: string) => sendMessage('recorded', `mark ${text}`);
  await mark('ready');
  const snapshots = await ThinSnapshotter.open(paths.state);
  await churn(snapshots, rounds, mark);
  await snapshots.close();
  await stopPool(await readConfig(paths.state));
  await unsplit();
  expect(await removeDevice('recorded')).toBe(true);
}

/** What reached the disk by then for certain, and what may have. */
function atPoint(
  entries: readonly Entry[],
  point: number,
): { certain: number; rest: Entry[]; notes: string[] } {
  const before = entries.slice(0, point + 1);
  const certain = before.findLastIndex(({ flush }) => flush) + 1;
  const rest = before.slice(certain).filter(({ fua }) => fua || Math.random() < 0.5);
  return { certain, rest, notes: before.flatMap(({ mark }) => mark ?? []) };
}

async function survive(
  origin: string,
  changes: string,
  log: FileHandle,
  rest: Entry[],
  notes: string[],
): Promise<void> {
  const table = [{ start: 0, length: sectors, type: 'snapshot', params: `${origin} ${changes} N 8` }];
  const device = await createDevice('replayed', 'REPLAYED', table);
  const handle = await open(device.path, 'r+');
  for (const entry of rest) await replay(log, entry, handle);
  await handle.sync();
  await handle.close();
  await split(device.path);
  await mountState();
  const snapshots = await ThinSnapshotter.open(paths.state);
  await certify(snapshots, expectedAfter(notes).must);
  await goOn(snapshots);
  await snapshots.close();
  await auditPool(paths.state);
  await unsplit();
  expect(await removeDevice('replayed')).toBe(true);
}

test('after any loss of power what was committed is whole, and nothing is left over', async () => {
  const logDevice = await disk('log', 3000);
  await record(logDevice);
  const entries = await readLog(`${place}/log`);
  const ready = entries.findIndex(({ mark }) => mark === 'ready');
  expect(ready).toBeGreaterThan(0);
  const chosen = Array.from(
    { length: points },
    () => ready + Math.floor(Math.random() * (entries.length - ready)),
  );
  const origin = await disk('origin', splitMebibytes);
  const changes = await disk('changes', splitMebibytes);
  const log = await open(`${place}/log`, 'r');
  const base = await open(origin, 'r+');
  try {
    let done = 0;
    for (const point of chosen.toSorted((a, b) => a - b)) {
      const { certain, rest, notes } = atPoint(entries, point);
      for (; done < certain; done++) await replay(log, entries[done]!, base);
      await base.sync();
      await survive(origin, changes, log, rest, notes);
    }
  } finally {
    await base.close();
    await log.close();
  }
}, 7_200_000);
