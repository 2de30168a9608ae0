/** What is the thin driver's own: other programs that look, active origins, LVM, XFS, restarts, how many calls it makes. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { deviceInfo, listDevices } from '../../../../src/lib/host/device-mapper.ts';
import { start } from '../../../../src/lib/host/exec.ts';
import { native } from '../../../../src/lib/host/native.ts';
import { backingName } from '../../../../src/stages/snapshot/thin/backing.ts';
import { createPool, removePool } from '../../../../src/stages/snapshot/thin/create.ts';
import {
  devicePrefix,
  poolName,
  readConfig,
  thinName,
} from '../../../../src/stages/snapshot/thin/pool-config.ts';
import { growPool } from '../../../../src/stages/snapshot/thin/grow.ts';
import { stopPool } from '../../../../src/stages/snapshot/thin/thin-pool.ts';
import { reportPool } from '../../../../src/stages/snapshot/thin/report.ts';
import { ThinSnapshotter } from '../../../../src/stages/snapshot/thin/thin.ts';
import { auditPool, thinRequest } from '../../../helpers/snapshot/drivers.ts';
import { certify, goOn } from './certify.ts';
import { churn } from './churn.ts';
import { makeDisk, removeDisks } from './devices.ts';

let state: string;
beforeEach(async () => {
  state = await mkdtemp('/var/tmp/milliner-driver-');
});
afterEach(async () => {
  await removePool(state, { force: true });
  removeDisks();
  await rm(state, { recursive: true });
});

async function commit(snapshots: ThinSnapshotter, name: string, parent?: string): Promise<void> {
  await snapshots.prepare('key', parent);
  await writeFile(join(await snapshots.mount('key'), name), name);
  await snapshots.commit(name, 'key');
}

test('a scanner that opens each new device for 100 ms neither fails nor holds up anything', async () => {
  await createPool(state, thinRequest);
  const scanner = start('python3', [fileURLToPath(new URL('scanner.py', import.meta.url))]);
  await once(scanner.stdout, 'data');
  const snapshots = await ThinSnapshotter.open(state);
  await churn(snapshots, 12, () => {});
  await certify(snapshots, new Set());
  await snapshots.close();
  scanner.kill('SIGKILL');
  await scanner;
  // What was still held at its removal has gone by itself; its ids go with the next that opens.
  await (await ThinSnapshotter.open(state)).close();
  await auditPool(state);
});

test('a device that stays open goes when it is closed, and a snapshot of it meanwhile is whole', async () => {
  await createPool(state, thinRequest);
  const snapshots = await ThinSnapshotter.open(state);
  await snapshots.prepare('key');
  const root = await snapshots.mount('key');
  await writeFile(join(root, 'one'), 'one');
  const [names] = [await listDevices(`${devicePrefix(await readConfig(state))}thin-`)];
  const held = await open((await deviceInfo(names[0]!))!.path, 'r');
  await snapshots.commit('one', 'key');
  expect(await deviceInfo(names[0]!)).toMatchObject({ deferredRemove: true, suspended: false });
  await commit(snapshots, 'two', 'one');
  await snapshots.view('look', 'two');
  expect(await readFile(join(await snapshots.mount('look'), 'one'), 'utf8')).toBe('one');
  expect(await deviceInfo(names[0]!)).toMatchObject({ suspended: false });
  await snapshots.remove('look');
  await held.close();
  expect(await deviceInfo(names[0]!)).toBeUndefined();
  await snapshots.close();
  await auditPool(state);
});

test('after a restart of the host the pool is started again by whoever comes first', async () => {
  await createPool(state, thinRequest);
  let snapshots = await ThinSnapshotter.open(state);
  await churn(snapshots, 2, () => {});
  const trees = new Set(await certify(snapshots, new Set()));
  await snapshots.close();
  await stopPool(await readConfig(state));
  expect(await listDevices('milliner-')).toEqual([]);
  expect(execFileSync('losetup', ['--list', '--noheadings'], { encoding: 'utf8' })).toBe('');
  const both = await Promise.all([ThinSnapshotter.open(state), ThinSnapshotter.open(state)]);
  await both[0].close();
  snapshots = both[1];
  await certify(snapshots, trees);
  await snapshots.close();
  await auditPool(state);
});

test('on LVM logical volumes, which grow; and with XFS', async () => {
  const disk = await makeDisk(join(state, 'disk.img'), 1600);
  const lvm = (program: string, ...args: string[]) =>
    execFileSync(program, ['-q', '-q', ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
  // Without udev nobody else makes the nodes.
  const config = 'activation { udev_sync = 0 udev_rules = 0 }';
  lvm('vgcreate', '--config', config, 'milliner-test', disk);
  try {
    for (const [name, size] of [
      ['data', '800M'],
      ['metadata', '16M'],
    ] as const) {
      lvm('lvcreate', '--config', config, '-Zn', '-Wn', '-L', size, '-n', name, 'milliner-test');
    }
    const on = { data: '/dev/milliner-test/data', metadata: '/dev/milliner-test/metadata' };
    await createPool(state, { on, fileSystem: 'xfs', volumeSize: 2 * 1024 ** 3, lowWater: 20 });
    const snapshots = await ThinSnapshotter.open(state);
    await churn(snapshots, 4, () => {});
    const trees = new Set(await certify(snapshots, new Set()));
    lvm('lvextend', '--config', config, '-L', '1200M', 'milliner-test/data');
    const status = await growPool(state, {});
    expect(status.data.total).toBe((1200 - 1) << 20);
    await certify(snapshots, trees);
    await goOn(snapshots);
    await snapshots.close();
    await auditPool(state);
  } finally {
    await removePool(state, { force: true });
    lvm('vgremove', '--config', config, '-f', 'milliner-test');
    await createPool(state, thinRequest);
  }
});

test('what a killed process left half made or suspended is taken up again', async () => {
  await createPool(state, thinRequest);
  const config = await readConfig(state);
  const snapshots = await ThinSnapshotter.open(state);
  await commit(snapshots, 'one');
  const dmsetup = (...args: string[]) => execFileSync('dmsetup', [...args, '--noudevsync', '--verifyudev']);
  const works = async () => {
    const again = await ThinSnapshotter.open(state);
    expect(again.stat('one')).toMatchObject({ kind: 'committed' });
    await goOn(again);
    await again.close();
  };

  await snapshots.prepare('half', 'one');
  const [half] = await listDevices(`${devicePrefix(config)}thin-`);
  dmsetup('remove', half!);
  dmsetup('create', half!, '--notable');
  await snapshots.remove('half');
  expect(await listDevices(`${devicePrefix(config)}thin-`)).toEqual([]);
  await snapshots.close();

  for (const name of [backingName(config, 'data'), poolName(config)]) {
    dmsetup('suspend', name);
    await works();
    expect(await deviceInfo(name)).toMatchObject({ suspended: false });
  }
  await stopPool(config);
  for (const name of [backingName(config, 'data'), poolName(config)]) dmsetup('create', name, '--notable');
  await works();
  await auditPool(state);
});

test('an origin that was left suspended goes on', async () => {
  await createPool(state, thinRequest);
  const config = await readConfig(state);
  const snapshots = await ThinSnapshotter.open(state);
  await snapshots.prepare('key');
  await writeFile(join(await snapshots.mount('key'), 'one'), 'one');
  const [name] = await listDevices(`${devicePrefix(config)}thin-`);
  const held = await open((await deviceInfo(name!))!.path, 'r');
  await snapshots.commit('one', 'key');
  await native().dmSuspend(name!, true);
  await (await ThinSnapshotter.open(state)).close();
  expect(await deviceInfo(name!)).toMatchObject({ suspended: false });
  await held.close();
  await snapshots.close();
  await auditPool(state);
});

test('each snapshot costs what it alone holds, and its first block', async () => {
  await createPool(state, thinRequest);
  const snapshots = await ThinSnapshotter.open(state);
  await snapshots.prepare('key');
  await writeFile(join(await snapshots.mount('key'), 'file'), Buffer.alloc(4 << 20, 1));
  await snapshots.commit('one', 'key');
  for (const key of ['a', 'b']) {
    await snapshots.prepare(key, 'one');
    await snapshots.mount(key);
  }
  const { snapshots: costs } = await reportPool(state);
  const cost = (name: string) => costs.find((found) => found.name === name)!;
  expect(cost('one').mapped).toBeGreaterThan(4 << 20);
  for (const name of ['one', 'a', 'b']) expect(cost(name).exclusive).toBeLessThan(1 << 18);
  await snapshots.remove('a');
  await snapshots.remove('b');
  await snapshots.close();
});

test('an operation makes few calls', async () => {
  await createPool(state, thinRequest);
  const snapshots = await ThinSnapshotter.open(state);
  await commit(snapshots, 'one');
  const trace = join(state, 'trace');
  const calls = ['ioctl', 'mount', 'umount2'].join(',');
  const strace = start('strace', [
    '-f',
    '-qq',
    '-e',
    `trace=${calls}`,
    '-o',
    trace,
    '-p',
    String(process.pid),
  ]);
  const count = async (work: () => Promise<unknown>) => {
    const before = (await lines()).length;
    await work();
    return (await lines()).slice(before);
  };
  async function lines(): Promise<string[]> {
    const text = await readFile(trace, 'utf8').catch(() => '');
    return text
      .split('\n')
      .filter((line) => /\b(?:DM_|BLKDISCARD|mount\(|umount2\()/.test(line) && !line.includes('resumed>'));
  }
  // It has taken hold when it sees the first.
  const name = thinName(await readConfig(state), 4711);
  while ((await count(() => native().dmInfo(name))).length === 0);
  const prepare = await count(() => snapshots.prepare('key', 'one'));
  const mounting = await count(() => snapshots.mount('key'));
  const committing = await count(() => snapshots.commit('two', 'key'));
  const removing = await count(() => snapshots.remove('two'));
  strace.kill('SIGINT');
  await strace;
  // Status, whether the origin is active, create_snap, create, load, resume.
  expect(prepare.length, prepare.join('\n')).toBeLessThanOrEqual(6);
  expect(mounting.length, mounting.join('\n')).toBe(1);
  // Unmount, status, set_transaction_id, remove.
  expect(committing.length, committing.join('\n')).toBeLessThanOrEqual(6);
  // set_transaction_id, info, create, load, resume, discard, remove, delete.
  expect(removing.length, removing.join('\n')).toBeLessThanOrEqual(10);
  await snapshots.close();
});
