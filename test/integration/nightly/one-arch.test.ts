/** One architecture of a recipe fails: the tag stays where it is, and after the mend it moves once. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { imageOf, NightScene, outcomes } from './night-scene.ts';

let scene: NightScene;
beforeAll(async () => {
  scene = await NightScene.open(['i686', 'x86_64']);
  await scene.offer([{ name: 'lib-a', version: 1 }]);
  await scene.recipe('both', ['lib-a']);
  await scene.set({ recipes: ['both'] });
  await scene.night();
});
afterAll(() => scene.close());

async function moveCount(): Promise<number> {
  const reference = `${scene.bench.server.host}/both:1`;
  const { moves } = await scene.bench.run<{ moves: unknown[] }>([
    'log',
    reference,
    '--key',
    scene.bench.publicKey,
  ]);
  return moves.length;
}

test('a scriptlet that fails on i686 alone', async () => {
  const before = await scene.tag('both');
  const scriptlets = [{ kind: 'post', language: 'lua', body: 'error("no")' }] as const;
  await scene.offer([{ name: 'lib-a', version: 2, scriptlets, scriptletsOn: 'i686' }]);
  const night = await scene.failedNight();
  expect(imageOf(night, 'both').failure).toMatchObject({ stage: 'build', arch: 'i686' });
  expect(await scene.tag('both')).toBe(before);
  expect(await moveCount()).toBe(1);
  await scene.offer([{ name: 'lib-a', version: 3 }]);
  expect(outcomes(await scene.night())).toEqual({ both: 'published' });
  expect(await moveCount()).toBe(2);
});
