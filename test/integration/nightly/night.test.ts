/** A night through its whole course: what changed is locked, built, booted, signed and published, and nothing else. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { fileStates } from '../../helpers/file-states.ts';
import { imageOf, NightScene, outcomes } from './night-scene.ts';

const recipes = ['base', 'middle', 'product', 'other'];
let scene: NightScene;
beforeAll(async () => {
  scene = await NightScene.open();
  await scene.offer([
    { name: 'lib-a', version: 1 },
    { name: 'lib-b', version: 1 },
    { name: 'lib-c', version: 1 },
  ]);
  await scene.recipe('base', ['lib-a']);
  await scene.recipe('middle', ['lib-b'], { from: 'base' });
  await scene.recipe('product', [], { from: 'middle' });
  await scene.recipe('other', ['lib-c']);
  await scene.set({ recipes });
});
afterAll(() => scene.close());

test('the first night locks and publishes all of them', async () => {
  const night = await scene.night();
  expect(outcomes(night)).toEqual(Object.fromEntries(recipes.map((name) => [name, 'published'])));
  for (const name of recipes) expect(imageOf(night, name).digest).toBe(await scene.tag(name));
});

test('a night without changes moves no tag', async () => {
  const before = await scene.tags(recipes);
  const night = await scene.night();
  expect(outcomes(night)).toEqual(Object.fromEntries(recipes.map((name) => [name, 'unchanged'])));
  expect(night.stored).toBeUndefined();
  expect(await scene.tags(recipes)).toEqual(before);
  // Nothing is written anywhere, and the registry is not even asked.
  const files = fileStates(scene.bench.desk.directory);
  await scene.bench.server.kill();
  await scene.night();
  await scene.bench.server.start();
  expect(fileStates(scene.bench.desk.directory)).toEqual(files);
});

test('an update of one library reaches the images that carry it, and the report tells why', async () => {
  const before = await scene.tags(recipes);
  await scene.offer(
    [{ name: 'lib-b', version: 2 }],
    [{ id: 'A-1', cve: 'CVE-2026-1234', packages: ['lib-b-2'] }],
  );
  const night = await scene.night();
  expect(outcomes(night)).toEqual({
    base: 'unchanged',
    middle: 'published',
    product: 'published',
    other: 'unchanged',
  });
  const after = await scene.tags(recipes);
  expect(after).toMatchObject({ base: before['base'], other: before['other'] });
  expect(imageOf(night, 'middle')).toMatchObject({
    reasons: [{ kind: 'package', from: 'lib-b-1-1.x86_64', to: 'lib-b-2-1.x86_64', advisories: ['A-1'] }],
    packages: [{ name: 'lib-b', from: '1-1', to: '2-1' }],
    advisories: [{ id: 'A-1', severity: 'Important', cves: ['CVE-2026-1234'] }],
    digest: after['middle'],
    previous: before['middle'],
  });
  expect(imageOf(night, 'product')).toMatchObject({ reasons: [{ kind: 'base', base: 'middle' }] });
});
