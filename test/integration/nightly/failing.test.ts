/** What fails keeps its last good tag, the rest is published, and what fails for ever is left alone. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { useOneProcess } from '../../helpers/command-client.ts';
import { imageOf, NightScene, outcomes } from './night-scene.ts';

useOneProcess();

const failing = { config: { cmd: ['/usr/bin/none'] } };
const recipes = ['bad', 'on-bad', 'good', { recipe: 'on-good' }];
let scene: NightScene;
beforeAll(async () => {
  scene = await NightScene.open();
  await scene.offer([
    { name: 'lib-a', version: 1 },
    { name: 'lib-b', version: 1 },
  ]);
  await scene.recipe('bad', ['lib-a']);
  await scene.recipe('on-bad', [], { from: 'bad' });
  await scene.recipe('good', ['lib-a']);
  await scene.recipe('on-good', ['lib-b'], { from: 'good' });
  await scene.set({ recipes, quarantine: { after: 1 } });
  await scene.night();
});
afterAll(() => scene.close());

const names = ['bad', 'on-bad', 'good', 'on-good'];
const rest = { good: 'unchanged', 'on-good': 'unchanged' };

test('an image that does not boot keeps its tag, and so does what stands on it; the rest is published', async () => {
  const before = await scene.tags(names);
  await scene.recipe('bad', ['lib-a'], failing);
  await scene.offer([{ name: 'lib-a', version: 2 }]);
  const night = await scene.failedNight();
  expect(night).toMatchObject({ code: 'NIGHT_FAILED' });
  expect(outcomes(night)).toEqual({
    bad: 'failed',
    'on-bad': 'skipped',
    good: 'published',
    'on-good': 'published',
  });
  expect(imageOf(night, 'bad').failure).toMatchObject({
    stage: 'build',
    arch: 'x86_64',
    code: 'BOOT_FAILED',
  });
  const after = await scene.tags(names);
  expect(after).toMatchObject({ bad: before['bad'], 'on-bad': before['on-bad'] });
  expect(after['good']).not.toBe(before['good']);
});

test('it is quarantined after as many nights as the set says, and said so each night', async () => {
  for (let count = 0; count < 2; count++) {
    const night = await scene.night();
    expect(outcomes(night)).toEqual({ bad: 'quarantined', 'on-bad': 'skipped', ...rest });
    expect(imageOf(night, 'bad')).toMatchObject({
      quarantine: { nights: 1 },
      failure: { code: 'BOOT_FAILED' },
    });
  }
});

test('--retry tries it all the same', async () => {
  expect(outcomes(await scene.failedNight('--retry', 'bad'))).toMatchObject({ bad: 'failed' });
});

test('a change of the recipe ends the quarantine, and what stands on it follows', async () => {
  await scene.recipe('bad', ['lib-a', 'lib-b']);
  const night = await scene.night();
  expect(outcomes(night)).toEqual({ bad: 'published', 'on-bad': 'published', ...rest });
  expect(
    imageOf(night, 'bad')
      .packages.map(({ name }) => name)
      .toSorted(),
  ).toEqual(['lib-a', 'lib-b']);
});

test('a recipe that cannot be solved fails alone', async () => {
  await scene.recipe('good', ['lib-a', 'not-there']);
  const night = await scene.failedNight();
  expect(outcomes(night)).toEqual({
    bad: 'unchanged',
    'on-bad': 'unchanged',
    good: 'failed',
    'on-good': 'skipped',
  });
  expect(imageOf(night, 'good').failure).toMatchObject({ stage: 'lock', code: 'SOLVE_FAILED' });
  await scene.recipe('good', ['lib-a']);
  await scene.night();
});

test('a tag that was rolled back stays until the lock differs, and a held one until it is lifted', async () => {
  const reference = `${scene.bench.server.host}/good:1`;
  const newest = await scene.tag('good');
  await scene.bench.run(['rollback', reference, '--key', scene.bench.key, '--reason', 'does not start']);
  const rolledBack = await scene.tag('good');
  expect(rolledBack).not.toBe(newest);
  expect(new Set(Object.values(outcomes(await scene.night())))).toEqual(new Set(['unchanged']));
  expect(await scene.tag('good')).toBe(rolledBack);
  await scene.bench.run(['hold', reference, '--key', scene.bench.key, '--reason', 'freeze']);
  await scene.offer([{ name: 'lib-a', version: 3 }]);
  const held = await scene.night();
  expect(outcomes(held)).toMatchObject({ bad: 'published', good: 'held', 'on-good': 'skipped' });
  expect(imageOf(held, 'good').hold).toMatchObject({ reason: 'freeze' });
  expect(await scene.tag('good')).toBe(rolledBack);
  await scene.bench.run(['unhold', reference, '--key', scene.bench.key]);
  expect(outcomes(await scene.night())).toMatchObject({ good: 'published', 'on-good': 'published' });
  const { moves } = await scene.bench.run<{ moves: { reason: string }[] }>([
    'log',
    reference,
    '--key',
    scene.bench.publicKey,
  ]);
  const reasons = moves.map(({ reason }) => reason);
  expect(reasons.slice(0, 4)).toEqual(['published', 'released', 'held', 'rolled-back']);
});
