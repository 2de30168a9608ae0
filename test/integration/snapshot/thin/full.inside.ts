/** Pools that run full or are marked: each has its code and its mend, and what was committed stays whole. */
import { execFileSync } from 'node:child_process';
import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { removeDevice } from '../../../../src/lib/host/device-mapper.ts';
import { createPool, removePool } from '../../../../src/stages/snapshot/thin/create.ts';
import { emptyId, readConfig, sector } from '../../../../src/stages/snapshot/thin/pool-config.ts';
import { growPool } from '../../../../src/stages/snapshot/thin/grow.ts';
import { labelSectors } from '../../../../src/stages/snapshot/thin/label.ts';
import { startPool, stopPool } from '../../../../src/stages/snapshot/thin/thin-pool.ts';
import { checkPool, repairPool } from '../../../../src/stages/snapshot/thin/repair.ts';
import { withReason } from '../../../../src/stages/snapshot/snapshotter.ts';
import { ThinSnapshotter } from '../../../../src/stages/snapshot/thin/thin.ts';
import { auditPool, thinRequest } from '../../../helpers/snapshot/drivers.ts';
import { certify } from './certify.ts';
import { churn } from './churn.ts';
import { makeDisk, removeDisks } from './devices.ts';

let state: string;
beforeEach(async () => {
  state = await mkdtemp('/var/tmp/milliner-full-');
});
afterEach(async () => {
  await removePool(state, { force: true });
  removeDisks();
  await rm(state, { recursive: true });
});

async function write(snapshots: ThinSnapshotter, key: string, mebibytes: number): Promise<void> {
  await snapshots.prepare(key);
  await withReason(snapshots, async () => {
    const root = await snapshots.mount(key);
    for (let index = 0; index < mebibytes; index++)
      await writeFile(join(root, `f${index}`), randomBytes(1 << 20));
    await snapshots.commit(`committed ${key}`, key);
  });
}

async function someTrees(snapshots: ThinSnapshotter): Promise<Set<string>> {
  await churn(snapshots, 3, () => {});
  return new Set(await certify(snapshots, new Set()));
}

test('data full: the writer fails, what was committed is whole, and after pool grow the same passes', async () => {
  await createPool(state, { ...thinRequest, on: { size: 48 << 20 } });
  const snapshots = await ThinSnapshotter.open(state);
  const trees = await someTrees(snapshots);
  await expect(write(snapshots, 'big', 64)).rejects.toMatchObject({ code: 'POOL_FULL' });
  await snapshots.remove('big');
  await certify(snapshots, trees);
  const status = await growPool(state, { size: 160 << 20 });
  expect(status).toMatchObject({ mode: 'rw', needsCheck: false, data: { total: 160 << 20 } });
  await write(snapshots, 'big', 64);
  expect(snapshots.stat('committed big')).toBeDefined();
  await snapshots.remove('committed big');
  await certify(snapshots, trees);
  await snapshots.close();
  await auditPool(state);
});

test('space comes back: from files that are removed, and to what the pool lies on', async () => {
  await createPool(state, thinRequest);
  const snapshots = await ThinSnapshotter.open(state);
  const { data } = await readConfig(state);
  const onDisk = async () => {
    const handle = await open(data.path);
    await handle.sync();
    const { blocks } = await handle.stat();
    await handle.close();
    return blocks * sector;
  };
  const before = [await snapshots.used(), await onDisk()] as const;
  await write(snapshots, 'big', 32);
  expect(await snapshots.used()).toBeGreaterThan(before[0] + (32 << 20) - 1);
  await snapshots.remove('committed big');
  expect(await snapshots.used()).toBe(before[0]);
  expect(await onDisk()).toBeLessThan(before[1] + (4 << 20));
  await snapshots.close();
});

test('metadata full: refused before the kernel has to give up, and mended by growing the device', async () => {
  const data = await makeDisk(join(state, 'data.img'), 256);
  const metadata = await makeDisk(join(state, 'metadata.img'), 3);
  await createPool(state, { ...thinRequest, on: { data, metadata } });
  const snapshots = await ThinSnapshotter.open(state);
  const trees = await someTrees(snapshots);
  await fillMetadata(snapshots);
  await expect(snapshots.prepare('more')).rejects.toMatchObject({ code: 'POOL_METADATA_FULL' });
  // A larger device, as lvextend makes it.
  grow(join(state, 'metadata.img'), metadata, 12);
  await growPool(state, {});
  await certify(snapshots, trees);
  await write(snapshots, 'big', 4);
  await snapshots.close();
  await repairPool(state);
  await auditPool(state);
});

/** As many snapshots, each with a block of its own, do: made behind the driver's back, because that is quick. */
async function fillMetadata(snapshots: ThinSnapshotter): Promise<void> {
  const pool = await startPool(await readConfig(state));
  const isFull = () =>
    snapshots.check().then(
      () => false,
      () => true,
    );
  for (let id = 100_000; !(await isFull()); id++) {
    await pool.createSnapshot(id, emptyId);
    const { name, path } = await pool.activate(id);
    const device = await open(path, 'r+');
    await device.write(randomBytes(4096), 0, 4096, 512 << 20);
    await device.sync();
    await device.close();
    await removeDevice(name);
  }
}

function grow(file: string, loop: string, mebibytes: number): void {
  execFileSync('truncate', ['--size', `${mebibytes}M`, file]);
  execFileSync('losetup', ['--set-capacity', loop]);
}

/** crc32c, as dm-thin's superblock has it over all but its first four bytes, xored with SUPERBLOCK_CSUM_XOR. */
function checksum(block: Buffer): number {
  let crc = 0xffffffff;
  for (const byte of block.subarray(4)) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return (crc ^ 160774) >>> 0;
}

async function withSuperblock(change: (block: Buffer) => void): Promise<void> {
  const { metadata } = await readConfig(state);
  const file = await open(metadata.path, 'r+');
  const block = Buffer.alloc(4096);
  await file.read(block, 0, 4096, labelSectors * sector);
  expect(block.readUInt32LE(0)).toBe(checksum(block));
  change(block);
  block.writeUInt32LE(checksum(block), 0);
  await file.write(block, 0, 4096, labelSectors * sector);
  await file.sync();
  await file.close();
}

test('needs_check: nothing is written until pool repair, and then all is there', async () => {
  await createPool(state, thinRequest);
  let snapshots = await ThinSnapshotter.open(state);
  const trees = await someTrees(snapshots);
  await snapshots.close();
  await stopPool(await readConfig(state));
  await withSuperblock((block) => block.writeUInt32LE(block.readUInt32LE(4) | 1, 4));
  snapshots = await ThinSnapshotter.open(state);
  await expect(snapshots.prepare('key')).rejects.toMatchObject({ code: 'POOL_DAMAGED' });
  await snapshots.close();
  const { backup, lost } = await repairPool(state);
  expect({ backup, lost }).toEqual({ backup: undefined, lost: [] });
  snapshots = await ThinSnapshotter.open(state);
  await certify(snapshots, trees);
  await snapshots.close();
  await auditPool(state);
});

test('damaged metadata is made anew from what is left; what is lost is named, and the rest is whole', async () => {
  await createPool(state, thinRequest);
  let snapshots = await ThinSnapshotter.open(state);
  await someTrees(snapshots);
  await snapshots.close();
  const config = await readConfig(state);
  await stopPool(config);
  // The root of the mappings, which the superblock names 320 bytes from its start.
  const file = await open(config.metadata.path, 'r+');
  const start = labelSectors * sector;
  const root = Number((await readFile(config.metadata.path)).readBigUInt64LE(start + 320));
  await file.write(randomBytes(64), 0, 64, start + root * 4096);
  await file.sync();
  await file.close();
  const checked = await checkPool(state);
  expect(checked.clean).toBe(false);
  const repaired = await repairPool(state).catch((error: { code: string }) => error);
  // What no tool can mend is told, and is not made worse.
  if ('code' in repaired) {
    expect(repaired.code).toBe('POOL_DAMAGED');
    return;
  }
  expect(repaired.backup).toBeDefined();
  snapshots = await ThinSnapshotter.open(state);
  await certify(snapshots, new Set());
  await snapshots.close();
  await auditPool(state);
});

test('a thin id that the database does not know is given back', async () => {
  await createPool(state, thinRequest);
  const pool = await startPool(await readConfig(state));
  for (const id of [1, 2, 77]) await pool.createThin(id);
  let snapshots = await ThinSnapshotter.open(state);
  await snapshots.prepare('key');
  await snapshots.commit('one', 'key');
  await snapshots.close();
  expect(await checkPool(state)).toMatchObject({ clean: false, unknown: [2, 77] });
  expect(await repairPool(state)).toMatchObject({ clean: true, lost: [] });
  snapshots = await ThinSnapshotter.open(state);
  expect(snapshots.stat('one')).toBeDefined();
  await snapshots.close();
  await auditPool(state);
});
