/** A worker runs the night of a schedule with the real command, and takes its releases. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { NightScene } from './night-scene.ts';

let scene: NightScene;
beforeAll(async () => {
  scene = await NightScene.open();
  await scene.offer([{ name: 'lib-a', version: 1 }]);
  await scene.recipe('base', ['lib-a']);
  await scene.recipe('product', [], { from: 'base' });
  await scene.set({ recipes: ['base', 'product'], schedule: '30 2 * * *' });
});
afterAll(() => scene.close());

interface Listed {
  schedules: { name: string; last?: { state: string; error?: { code: string } } }[];
}

test('schedule run has a worker with one slot publish the images', async () => {
  await scene.bench.run(['schedule', 'add', scene.setPath]);
  const worker = scene.bench.start(['worker', '--jobs', '1', '--key', scene.bench.key]);
  try {
    await scene.bench.run(['schedule', 'run', 'night']);
    const last = async () => {
      const { schedules } = await scene.bench.run<Listed>(['schedule', 'list']);
      return schedules[0]?.last?.state;
    };
    await expect.poll(last, { timeout: 300_000, interval: 1000 }).toBe('done');
    expect(await scene.tag('product')).toMatch(/^sha256:/);
  } finally {
    worker.kill('SIGTERM');
    await worker;
  }
});
