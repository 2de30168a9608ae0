/** What the policies of a set let move, and what a night does with bases that no recipe of the set makes. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { useOneProcess } from '../../helpers/command-client.ts';
import type { PlannedImage } from '../../../src/stages/night/planned-image.ts';
import { one, Scene } from './scene.ts';

useOneProcess();

const names = ['l1', 'l2', 'l3', 'l4', 'l5'];

let scene: Scene;
beforeAll(async () => {
  scene = await Scene.open([
    ...names.map((name) => one(name, 1)),
    one('helper', 1),
    one('app', 1, ['helper']),
  ]);
  await scene.recipe('five', { packages: [...names, 'helper'] });
  await scene.recipe('base', { packages: ['helper'] });
  await scene.recipe('top', { from: 'base', packages: ['app', 'l1'] });
  await scene.lock('five', 'base', 'top');
  scene.publish(
    [
      ...names.map((name) => one(name, 2, name === 'l2' ? ['fresh'] : [])),
      one('fresh', 1),
      one('helper', 2),
      one('app', 2, ['helper']),
    ],
    [
      { id: 'S-1', type: 'security', severity: 'Critical', title: 'CVE-2026-7777', packages: [one('l2', 2)] },
      { id: 'B-1', type: 'bugfix', severity: 'None', packages: [one('l3', 2)] },
    ],
  );
});
afterAll(() => scene.close());

const changes = (image: PlannedImage | undefined) =>
  (image?.packages ?? []).map(({ from = '', to = '' }) => `${from} ${to}`).toSorted();
const moved = (name: string) => `${name}-1-1.x86_64 ${name}-2-1.x86_64`;

test('security moves what advisories name and what that needs, nothing else', async () => {
  await scene.set({ recipes: [{ recipe: 'five', update: 'security' }] });
  const { images } = await scene.plan();
  expect(changes(images[0])).toEqual([' fresh-1-1.x86_64', moved('l2')]);
  expect(images[0]).toMatchObject({
    priority: 'high',
    advisories: [{ id: 'S-1', severity: 'Critical', cves: ['CVE-2026-7777'] }],
  });
});

test('none moves nothing', async () => {
  await scene.set({ recipes: ['five'], update: 'none' });
  expect(await scene.plan()).toMatchObject({ images: [], unchanged: ['five'] });
});

test('all moves all but what is held, by name or glob', async () => {
  await scene.set({ recipes: [{ recipe: 'five', hold: ['l1'] }], hold: ['help*'] });
  const { images } = await scene.plan();
  expect(changes(images[0])).toEqual(
    [' fresh-1-1.x86_64', ...['l2', 'l3', 'l4', 'l5'].map(moved)].toSorted(),
  );
});

test('what stands on a base that moves is made anew, and its own packages keep to its own policy', async () => {
  await scene.set({ recipes: ['base', { recipe: 'top', update: 'none' }] });
  const { images } = await scene.plan();
  expect(images.map(({ recipe }) => recipe)).toEqual(['base', 'top']);
  expect(changes(images[1])).toEqual([moved('helper')]);
  expect(images[1]!.reasons).toEqual([{ kind: 'base', base: 'base' }]);
});

test('a base outside of the set stays as its lock has it, and one that was locked again is a reason', async () => {
  await scene.set({ recipes: [{ recipe: 'top', update: 'none' }] });
  expect(await scene.plan()).toMatchObject({ images: [], unchanged: ['top'] });
  await scene.lock('base');
  const { images } = await scene.plan();
  expect(images).toMatchObject([{ recipe: 'top', reasons: [{ kind: 'base', base: 'base' }] }]);
  expect(changes(images[0])).toEqual([moved('helper')]);
});

test('a changed recipe is a reason, and one without a lock too', async () => {
  await scene.recipe('five', { packages: names });
  await scene.recipe('new', { packages: ['l1'] });
  await scene.set({ recipes: [{ recipe: 'five', update: 'none' }, 'new'] });
  const { images } = await scene.plan();
  expect(images.map(({ recipe }) => recipe)).toEqual(['five', 'new']);
  expect(images[0]!.reasons).toEqual([
    { kind: 'package', from: 'helper-1-1.x86_64', advisories: [] },
    { kind: 'recipe' },
  ]);
  expect(changes(images[1])).toEqual([' l1-2-1.x86_64']);
});
