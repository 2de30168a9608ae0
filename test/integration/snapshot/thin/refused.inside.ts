/** Devices and pools that are refused, each by code, with nothing touched. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { listDevices, removeDevice } from '../../../../src/lib/host/device-mapper.ts';
import { run } from '../../../../src/lib/host/exec.ts';
import { createPool, removePool } from '../../../../src/stages/snapshot/thin/create.ts';
import { poolDirectory, readConfig } from '../../../../src/stages/snapshot/thin/pool-config.ts';
import { stopPool } from '../../../../src/stages/snapshot/thin/thin-pool.ts';
import { ThinSnapshotter } from '../../../../src/stages/snapshot/thin/thin.ts';
import { openSnapshots } from '../../../../src/stages/snapshot/open-snapshotter.ts';
import { auditPool, thinRequest } from '../../../helpers/snapshot/drivers.ts';
import { asNobody, cli } from '../../../helpers/milliner.ts';
import { makeDisk, removeDisks } from './devices.ts';

let place: string;
beforeEach(async () => {
  place = await mkdtemp('/var/tmp/milliner-refused-');
});
afterEach(async () => {
  for (const name of ['state', 'other']) {
    await removePool(join(place, name), { force: true }).catch((error: { code?: string }) => {
      if (error.code !== 'POOL_MISSING') throw error;
    });
  }
  removeDisks();
  expect(await listDevices('milliner-')).toEqual([]);
  await rm(place, { recursive: true });
});

const at = (name: string) => join(place, name);
const digest = async (path: string) =>
  createHash('sha256')
    .update(await readFile(path))
    .digest('hex');
const request = (data: string, metadata: string) => ({ ...thinRequest, on: { data, metadata } });
const create = (data: string, metadata: string, state = 'state') =>
  createPool(at(state), request(data, metadata));

test('a device that is none, is too small, is read-only, holds something or is in use', async () => {
  const [data, metadata] = [await makeDisk(at('data.img'), 16), await makeDisk(at('metadata.img'), 8)];
  const small = await makeDisk(at('small.img'), 2);
  const tiny = await makeDisk(at('tiny.img'), 1);
  await writeFile(at('readonly.img'), Buffer.alloc(8 << 20));
  const readOnly = await makeDisk(at('readonly.img'), 8, ['--read-only']);
  const used = await makeDisk(at('used.img'), 16);
  execFileSync('mkfs.ext4', ['-q', used]);
  const partitioned = await makeDisk(at('partitioned.img'), 16);
  execFileSync('sfdisk', ['-q', '--no-reread', partitioned], { input: 'label: gpt\n,\n' });
  const before = await Promise.all(
    ['data', 'metadata', 'used', 'partitioned'].map((name) => digest(at(`${name}.img`))),
  );
  const refused: [string, string][] = [
    [at('absent'), metadata],
    [at('data.img'), metadata],
    ['/dev/null', metadata],
    [data, small],
    [data, tiny],
    [data, readOnly],
    [used, metadata],
    [partitioned, metadata],
    [data, used],
    [data, data],
  ];
  for (const [one, other] of refused) {
    await expect(create(one, other), `${one} ${other}`).rejects.toMatchObject({ code: 'DEVICE_UNUSABLE' });
  }
  await mkdir(at('mounted'));
  execFileSync('mount', [used, at('mounted')]);
  await expect(create(used, metadata)).rejects.toMatchObject({
    code: 'DEVICE_UNUSABLE',
    message: expect.stringContaining('mounted') as string,
  });
  execFileSync('umount', [at('mounted')]);
  const after = await Promise.all(
    ['data', 'metadata', 'partitioned'].map((name) => digest(at(`${name}.img`))),
  );
  expect(after).toEqual([before[0], before[1], before[3]]);
  expect(await listDevices('milliner-')).toEqual([]);
});

test("another pool's devices, exchanged ones, and ones that are gone", async () => {
  const [data, metadata] = [await makeDisk(at('data.img'), 64), await makeDisk(at('metadata.img'), 8)];
  const [other, spare] = [await makeDisk(at('other.img'), 64), await makeDisk(at('spare.img'), 64)];
  await create(data, metadata);
  await expect(create(other, metadata, 'other')).rejects.toMatchObject({ code: 'DEVICE_UNUSABLE' });
  await expect(create(other, spare)).rejects.toMatchObject({ code: 'POOL_EXISTS' });
  await stopPool(await readConfig(at('state')));
  await expect(create(data, spare, 'other')).rejects.toMatchObject({ code: 'POOL_FOREIGN' });
  const before = await digest(at('data.img'));
  const config = join(poolDirectory(at('state')), 'pool.json');
  const right = await readFile(config, 'utf8');
  const open = () => ThinSnapshotter.open(at('state'));
  for (const [from, to, code] of [
    [metadata, spare, 'POOL_DAMAGED'],
    [data, spare, 'POOL_FOREIGN'],
    [data, metadata, 'POOL_FOREIGN'],
    [data, '/dev/absent', 'DEVICE_UNUSABLE'],
  ] as const) {
    await writeFile(config, right.replace(`"${from}"`, `"${to}"`));
    await expect(open(), to).rejects.toMatchObject({ code });
  }
  await writeFile(config, right);
  expect(await digest(at('data.img'))).toBe(before);
  await (await open()).close();
});

test('a pool and a database of different transactions', async () => {
  await createPool(at('state'), thinRequest);
  const commit = async (name: string) => {
    const snapshots = await ThinSnapshotter.open(at('state'));
    await snapshots.prepare('key');
    await snapshots.commit(name, 'key');
    await snapshots.close();
  };
  await commit('one');
  const database = join(poolDirectory(at('state')), 'metadata.db');
  await copyFile(database, at('old.db'));
  await commit('two');
  await copyFile(database, at('new.db'));
  await copyFile(at('old.db'), database);
  await expect(ThinSnapshotter.open(at('state'))).rejects.toMatchObject({
    code: 'POOL_MISMATCH',
    details: { found: 3, expected: 2 },
  });
  await copyFile(at('new.db'), database);
  const snapshots = await ThinSnapshotter.open(at('state'));
  expect(snapshots.stat('two')).toBeDefined();
  await snapshots.close();
  await auditPool(at('state'));
});

test('a setting up that was cut off is cleared by the next, or by remove', async () => {
  const [data, metadata] = [await makeDisk(at('data.img'), 64), await makeDisk(at('metadata.img'), 8)];
  const config = join(poolDirectory(at('state')), 'pool.json');
  for (const mend of [() => create(data, metadata), () => removePool(at('state'), { force: false })]) {
    await create(data, metadata);
    const half = (await readFile(config, 'utf8')).replace('"ready"', '"creating"');
    await writeFile(config, half);
    await expect(ThinSnapshotter.open(at('state'))).rejects.toMatchObject({ code: 'POOL_MISSING' });
    await mend();
    await removePool(at('state'), { force: false }).catch(() => undefined);
  }
  expect(await listDevices('milliner-')).toEqual([]);
});

test('in use: repair, check and remove wait for nobody, and name who', async () => {
  await createPool(at('state'), thinRequest);
  const snapshots = await ThinSnapshotter.open(at('state'));
  await snapshots.prepare('key');
  await snapshots.commit('one', 'key');
  await expect(removePool(at('state'), { force: true })).rejects.toMatchObject({ code: 'BUSY' });
  await snapshots.close();
  await expect(removePool(at('state'), { force: false })).rejects.toMatchObject({ code: 'SNAPSHOT_IN_USE' });
});

test('without root, and without the kernel module', async () => {
  const args = [process.execPath, cli, 'pool', 'create', '--size', '1G', '--state', at('state'), '--json'];
  const { stdout } = await run(asNobody[0]!, [...asNobody.slice(1), ...args], { allow: [8] });
  expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'NOT_ROOT' } });

  await createPool(at('state'), thinRequest);
  await stopPool(await readConfig(at('state')));
  // As on a host whose kernel has none of it.
  execFileSync('modprobe', ['--remove', 'dm-thin-pool']);
  await mkdir(at('modules'));
  const modules = `/lib/modules/${execFileSync('uname', ['-r'], { encoding: 'utf8' }).trim()}`;
  execFileSync('mount', ['--bind', at('modules'), modules]);
  try {
    await expect(ThinSnapshotter.open(at('state'))).rejects.toMatchObject({ code: 'HOST_MISSING' });
    await expect(createPool(at('other'), thinRequest)).rejects.toMatchObject({ code: 'HOST_MISSING' });
    const chosen = await openSnapshots(at('state'), 'auto');
    expect(chosen.snapshots.name).toBe('overlay');
    expect(chosen.reason).toContain('thin-pool');
    await chosen.snapshots.close();
  } finally {
    execFileSync('umount', [modules]);
  }
  const chosen = await openSnapshots(at('state'), 'auto');
  expect(chosen.snapshots.name).toBe('dm-thin');
  await chosen.snapshots.close();
  expect(await removeDevice('milliner-never')).toBe(true);
});
