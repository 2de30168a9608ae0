/** A boot that fails the first time in two is published and told as flaky; the night waits for it. */
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { FlakyInstances, flakyRecipe } from '../../helpers/flaky-image.ts';
import { imageOf, NightScene } from './night-scene.ts';

let scene: NightScene;
beforeAll(async () => {
  scene = await NightScene.open();
  await scene.bench.desk.tiny('flaky', ['tiny-base'], flakyRecipe(1, 4));
  await scene.set({ recipes: ['flaky'], reports: [{ format: 'text', file: 'night.txt' }] });
});
afterAll(() => scene.close());

test('published, with its retry in the report', async () => {
  await using instances = new FlakyInstances(scene.bench.desk.state, 1);
  const night = await scene.night();
  expect(instances.seen.length).toBe(2);
  expect(imageOf(night, 'flaky')).toMatchObject({ outcome: 'published', boot: { retries: 1 } });
  expect(await readFile(night.files![0]!, 'utf8')).toContain('after 1 retry');
});
