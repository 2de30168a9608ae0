/** A night on a state that has published nothing itself: what the tags name already is no reason to build. */
import { rename } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { NightScene, outcomes } from './night-scene.ts';

const names = ['base', 'product'];
let scene: NightScene;
beforeAll(async () => {
  scene = await NightScene.open();
  await scene.offer([{ name: 'lib-a', version: 1 }]);
  await scene.recipe('base', []);
  await scene.recipe('product', ['lib-a'], { from: 'base' });
  await scene.set({ recipes: names });
  await scene.night();
});
afterAll(() => scene.close());

/** As a runner begins that keeps nothing but the recipes and their locks. */
async function forget(): Promise<void> {
  const { state } = scene.bench.desk;
  await rename(state, `${state}-${Date.now()}`);
}

test('nothing is built where nothing has changed', async () => {
  await forget();
  const before = await scene.tags(names);
  expect(outcomes(await scene.night())).toEqual({ base: 'unchanged', product: 'unchanged' });
  expect(await scene.tags(names)).toEqual(before);
});

test('an update builds what it touches alone', async () => {
  await forget();
  await scene.offer([{ name: 'lib-a', version: 2 }]);
  const night = await scene.night();
  expect(outcomes(night)).toEqual({ base: 'unchanged', product: 'published' });
  expect(night.report.images[0]!.packages).toMatchObject([{ name: 'lib-a', from: '1-1', to: '2-1' }]);
});

test('a tag that was rolled back is no image of the lock: the night tries, and is told that it is held', async () => {
  const reference = `${scene.bench.server.host}/product:1`;
  await scene.bench.run(['rollback', reference, '--key', scene.bench.key]);
  await forget();
  const before = await scene.tags(names);
  expect(outcomes(await scene.night())).toEqual({ base: 'unchanged', product: 'held' });
  expect(await scene.tags(names)).toEqual(before);
});
