/** A night in which nothing has changed, of twenty recipes for two architectures. Beside the bound of the design. */
import { NightScene } from '../integration/nightly/night-scene.ts';
import type { Bench } from './case.ts';

const recipeCount = 20;
const maxSeconds = 10;

export async function idleNightCases(): Promise<Bench> {
  const scene = await NightScene.open(['i686', 'x86_64']);
  await scene.offer([{ name: 'lib-a', version: 1 }]);
  const names = Array.from({ length: recipeCount }, (_, index) => `r${index}`);
  for (const [index, name] of names.entries()) {
    const from = index < 4 ? undefined : names[Math.floor(index / 4) - 1];
    await scene.recipe(name, index % 2 === 0 ? ['lib-a'] : [], from === undefined ? {} : { from });
  }
  await scene.set({ recipes: names });
  await scene.night();
  const ours = async () => {
    const begin = performance.now();
    const { report } = await scene.night();
    const seconds = (performance.now() - begin) / 1000;
    if (report.images.some(({ outcome }) => outcome !== 'unchanged')) throw new Error('an image has changed');
    return seconds;
  };
  return {
    cases: [
      {
        bench: 'idle-night',
        case: `a night without changes of ${recipeCount} recipes, beside ${maxSeconds} s`,
        unit: 's',
        target: { atMost: 1 },
        runs: 5,
        seconds: { ours: 5, peer: 0 },
        ours,
        peer: () => Promise.resolve(maxSeconds),
      },
    ],
    close: () => scene.close(),
  };
}
