/** Lock pull requests over several nights, against a stand-in that holds every request to GitHub's description. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { one } from '../night/scene.ts';
import { PullsScene } from './pulls-scene.ts';

const [ofBase, ofProduct, fixOfBase] = [
  'milliner/lock/base',
  'milliner/lock/product',
  'milliner/security/base',
];
let scene: PullsScene;
beforeAll(async () => {
  scene = await PullsScene.open([one('lib-a', 1), one('lib-b', 1), one('app', 1)]);
  const { night } = scene;
  await night.recipe('base', { packages: ['lib-a', 'lib-b'] });
  await night.recipe('product', { packages: ['app'], from: 'base' });
  await night.lock('base', 'product');
});
beforeEach(async () => {
  await scene.renew();
  update(1);
});
afterEach(() => expect(scene.standIn.violations).toEqual([]));
afterAll(() => scene.close());

const update = (version: number) =>
  scene.night.publish([one('lib-a', version), one('lib-b', 1), one('app', 1)]);

test('nothing to lock: nothing is written', async () => {
  expect(await scene.writesOf(() => scene.pulls())).toEqual([]);
});

test('first night, second night, updated lock, moot lock', async () => {
  update(2);
  const files = scene.night.files();
  expect(await scene.outcomes()).toEqual({ [ofBase]: 'opened', [ofProduct]: 'opened' });
  const { title, labels, number } = scene.pull(ofBase);
  expect({ title, labels }).toEqual({ title: 'Update the lock of base', labels: ['milliner'] });
  const lock = scene.standIn.state.read('recipes/base.lock.json', ofBase)!;
  expect(lock).toContain('lib-a-2-1');
  expect(scene.standIn.state.read('recipes/base.lock.json')).toContain('lib-a-1-1');
  // What stands on it brings its lock along.
  expect(scene.standIn.state.read('recipes/base.lock.json', ofProduct)).toBe(lock);
  // Nothing is written in the checkout.
  const own = (all: Record<string, string>) =>
    Object.entries(all).filter(([path]) => path.includes('recipes/'));
  expect(own(scene.night.files())).toEqual(own(files));

  expect(await scene.writesOf(() => scene.pulls())).toEqual([]);

  update(3);
  expect(await scene.outcomes()).toEqual({ [ofBase]: 'updated', [ofProduct]: 'updated' });
  expect(scene.pull(ofBase)).toMatchObject({ number, state: 'open' });
  expect(scene.standIn.state.read('recipes/base.lock.json', ofBase)).toContain('lib-a-3-1');
  expect(await scene.writesOf(() => scene.pulls())).toEqual([]);

  update(1);
  expect(await scene.outcomes()).toEqual({ [ofBase]: 'closed', [ofProduct]: 'closed' });
  expect(scene.pull(ofBase)).toMatchObject({ number, state: 'closed' });
  expect([...scene.standIn.state.refs.keys()]).toEqual(['heads/main']);
  expect(await scene.writesOf(() => scene.pulls())).toEqual([]);
});

test('a security fix moves alone, and the rest has a pull request of its own', async () => {
  const advisories = [{ id: 'HAT-1', packages: [one('lib-b', 2)] }];
  scene.night.publish([one('lib-a', 2), one('lib-b', 2), one('app', 1)], advisories);
  expect(await scene.outcomes()).toMatchObject({ [fixOfBase]: 'opened', [ofBase]: 'opened' });
  const { title, labels, body } = scene.pull(fixOfBase);
  expect({ title, labels }).toEqual({
    title: '[SECURITY] Update the lock of base',
    labels: ['milliner', 'security'],
  });
  expect(body).toContain('HAT-1');
  const fix = scene.standIn.state.read('recipes/base.lock.json', fixOfBase)!;
  expect([fix.includes('lib-b-2-1'), fix.includes('lib-a-1-1')]).toEqual([true, true]);
  expect(await scene.writesOf(() => scene.pulls())).toEqual([]);
  // Alone it is the fix that is proposed, and nothing beside it.
  scene.night.publish([one('lib-a', 1), one('lib-b', 2), one('app', 1)], advisories);
  expect(await scene.outcomes()).toMatchObject({ [fixOfBase]: 'unchanged', [ofBase]: 'closed' });
});

test('without the scope nothing is written, and the failure names it', async () => {
  update(2);
  const { failed } = await scene.pulls(scene.standIn.addToken(['public_repo']));
  expect(failed.map(({ code }) => code)).toEqual(['GITHUB_DENIED', 'GITHUB_DENIED']);
  expect(scene.standIn.state.pulls).toEqual([]);
});

test('a recipe that cannot be locked keeps its pull request, and the others get theirs', async () => {
  update(2);
  await scene.outcomes();
  scene.night.publish([one('lib-a', 3), one('lib-b', 1)]);
  const { pulls, failed } = await scene.pulls();
  expect(failed).toMatchObject([{ recipe: 'product', code: 'SOLVE_FAILED' }]);
  expect(pulls).toMatchObject([{ recipe: 'base', outcome: 'updated' }]);
  expect(scene.pull(ofProduct).state).toBe('open');
});
