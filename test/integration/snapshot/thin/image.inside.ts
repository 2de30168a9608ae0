/** Images in a pool, through the command line. */
import { writeFile } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Started } from '../../../../src/pipeline/instance/run.ts';
import type { PoolState } from '../../../../src/pipeline/setup/pool.ts';
import { ThinSnapshotter } from '../../../../src/stages/snapshot/thin/thin.ts';
import { Desk, type ErrorAnswer } from '../../../helpers/milliner.ts';
import { auditPool } from '../../../helpers/snapshot/drivers.ts';

let desk: Desk;
let recipe: string;
const mebibyte = 1024 ** 2;
/** Waits to be stopped, and ends at once when it is. */
const plan = {
  config: {
    cmd: ['/bin/sh', '-c', 'trap exit TERM; echo up; while :; do sleep 1; done'],
    stopSignal: 'SIGTERM',
  },
  test: { init: false, limits: { memory: '32M', pids: 16 } },
};
beforeEach(async () => {
  desk = await Desk.open();
  recipe = await desk.tiny('small', ['tiny-base', 'tiny-app'], plan);
});
afterEach(async () => {
  await desk.run(['pool', 'remove', '--force']);
  await desk.remove();
});

const pool = (...words: string[]) => desk.json<PoolState>(['pool', ...words]);

test('a build in a full pool fails with the mend, and passes after it', async () => {
  await pool('create', '--size', '64M', '--volume-size', '8G');
  const filler = await ThinSnapshotter.open(desk.state);
  await filler.prepare('filler');
  const root = await filler.mount('filler');
  for (let index = 0; (await filler.space('filler')).bytes > 2 * mebibyte; index++) {
    await writeFile(join(root, `f${index}`), randomBytes(mebibyte), { flush: true });
  }
  const failed = await desk.run(['build', recipe, '--json']);
  expect(failed.code).toBe(9);
  const { code, hint } = (JSON.parse(failed.stdout) as { error: ErrorAnswer }).error;
  expect({ code, hint: hint.includes('milliner pool grow') }).toEqual({ code: 'POOL_FULL', hint: true });
  await pool('grow', '--size', '256M');
  const { manifestDigest } = await desk.build(recipe);
  const { images } = await pool('status');
  expect(images).toMatchObject([{ name: 'small', digest: manifestDigest }]);
  await filler.remove('filler');
  await filler.close();
});

test('two builds, a collection of garbage and ten instances at once; and twenty more cost next to nothing', async () => {
  await pool('create', '--size', '1G', '--volume-size', '8G');
  const built = await desk.build(recipe);
  const others = [
    await desk.tiny('left', ['tiny-base'], plan),
    await desk.tiny('right', ['tiny-base', 'tiny-app', 'tiny-extra'], plan),
  ];
  const [, , , ten] = await Promise.all([
    ...others.map((other) => desk.build(other)),
    desk.json(['gc']),
    desk.json<Started>(['run', 'small', '--instances', '10', '--detach']),
  ]);
  expect((ten as Started).instances).toHaveLength(10);
  await desk.json(['stop', '--all']);
  const { instances, trees } = await desk.json<Started>(['run', 'small', '--instances', '20', '--detach']);
  expect(instances).toHaveLength(20);
  expect(trees.snapshotter).toBe('dm-thin');
  expect(trees.bytes / 20).toBeLessThan(mebibyte);
  process.stdout.write(`twenty instances took ${trees.bytes / 20 / 1024} KiB each\n`);
  await desk.json(['stop', '--all']);
  expect((await desk.build(recipe)).manifestDigest).toBe(built.manifestDigest);
  await desk.json(['ps']);
  expect(await desk.json(['pool', 'check'])).toMatchObject({ clean: true });
  await auditPool(desk.state);
}, 3_600_000);
