/** Who made what: of sixty packages with known effects each path is told right, or not at all. */
import { mkdir, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { withWorkPlace } from '../../../spec/places.ts';
import { rpmbuild } from '../../../spec/rpmbuild.ts';
import type { StateEntry } from '../../../src/pipeline/state/image-records.ts';
import { Desk } from '../../helpers/milliner.ts';
import { tinyPackages } from '../../helpers/tiny/tiny.ts';
import { makeEffects, type Effects } from './makers.ts';

let desk: Desk;
beforeAll(async () => {
  desk = await Desk.open();
});
afterAll(() => desk.remove());

async function stateOf(name: string, { spec, packages }: Effects): Promise<StateEntry[]> {
  const place = desk.path(name);
  await mkdir(place);
  await writeFile(desk.path(`${name}.spec`), spec);
  const build = { spec: desk.path(`${name}.spec`), sources: place, epoch: 1_704_067_200 };
  await withWorkPlace(() => rpmbuild(build, place));
  const { key } = await tinyPackages();
  const recipe = await desk.recipe(name, {
    repos: [
      { name: 'tiny', baseurl: await desk.repository(`tiny-${name}`, ['tiny-base']), keys: [key] },
      { name: 'makers', baseurl: place, gpgcheck: false },
    ],
    packages: ['tiny-base', ...packages],
    files: [{ path: '/srv/recipe', content: 'x' }],
  });
  await desk.build(recipe);
  const { report } = await desk.json<{ report: { state: StateEntry[] } }>(['inspect', name]);
  return report.state;
}

const nameIn = (nevra: string) => nevra.replace(/-1-1\.noarch$/, '');
const makerOf = ({ scriptlet, package: nevra = '' }: StateEntry) => `${scriptlet}(${nameIn(nevra)})`;

const turns = process.env['MILLINER_SOAK'] ? Array.from({ length: 20 }, (_, turn) => turn) : [0];

test.each(turns)('sixty packages, turned by %i', async (turn) => {
  const effects = makeEffects(60, turn);
  const state = await stateOf(`makers-${turn}`, effects);
  const named = state.filter(({ why, change }) => why === 'scriptlet' && change !== 'removed');
  const wrong = named.filter((one) => effects.makers.get(one.path) !== makerOf(one));
  expect(wrong).toEqual([]);
  expect(state.filter(({ why }) => why === 'recipe').map(({ path }) => path)).toEqual(['/srv/recipe']);
  // What is untold is told with the right package, or with none.
  const during = state.filter(
    (one) => one.during !== undefined && effects.untold.get(one.path) !== undefined,
  );
  expect(during.filter((one) => nameIn(one.during!) !== effects.untold.get(one.path))).toEqual([]);
  // What can be told is, but for what came while something was at work in the background.
  const untold = state.filter(({ why, path }) => why !== 'scriptlet' && effects.makers.has(path));
  expect(untold.length, `of ${effects.makers.size}`).toBeLessThan(effects.makers.size / 2);
  const paths = new Set(state.map(({ path }) => path));
  expect([...effects.makers.keys(), ...effects.untold.keys()].filter((path) => !paths.has(path))).toEqual([]);
});
