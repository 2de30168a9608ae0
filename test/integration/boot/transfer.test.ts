/** A limit on what the disk of an instance reads and writes: the kernel has it, or the instance does not start. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readSetting } from '../../../src/lib/container/cgroups.ts';
import type { RunningInstance } from '../../../src/pipeline/instance/instance-records.ts';
import { Desk } from '../../helpers/milliner.ts';
import { entrypointOf } from './programs.ts';

let desk: Desk;

beforeAll(async () => {
  desk = await Desk.open('/var/tmp');
  const plan = { ready: { notify: true }, limits: { cpuWeight: 50, io: { read: '8M', write: '4M' } } };
  await desk.build(await desk.tiny('held', ['tiny-base'], { ...(await entrypointOf('hog')), test: plan }));
});
afterAll(async () => {
  await desk.run(['stop', '--all']);
  await desk.remove();
});

test('each device below its tree has the rate', async () => {
  const { instances } = await desk.json<{ instances: RunningInstance[] }>(['run', 'held', '--detach']);
  const group = `${instances[0]!.container}/instance`;
  const v2 = 'io.max';
  const settings = ['blkio.throttle.read_bps_device', 'blkio.throttle.write_bps_device'];
  const found = await Promise.all(
    settings.map(
      async (v1) =>
        (await readSetting(group, 'blkio', { v1, v2 })) ?? (await readSetting(group, 'io', { v1, v2 })),
    ),
  );
  const [reads, writes] = found.map((one) => one?.text ?? '');
  expect(reads).toMatch(/^\d+:\d+ (?:8388608$|rbps=8388608 wbps=4194304 )/m);
  expect(writes).toMatch(/^\d+:\d+ (?:4194304$|rbps=8388608 wbps=4194304 )/m);
});
