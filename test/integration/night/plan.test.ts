/** Twenty recipes three deep, for two architectures, on one repository: what a night plans, asks and writes. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { useOneProcess } from '../../helpers/command-client.ts';
import type { SmallPackage } from '../../helpers/repo/small-repository.ts';
import { both, Scene } from './scene.ts';

useOneProcess();

const numbers = (count: number) => Array.from({ length: count }, (_, index) => index);
const bases = ['b0', 'b1'];
const middles = numbers(6).map((index) => `m${index}`);
const products = numbers(12).map((index) => `p${index}`);
const recipes = [...bases, ...middles, ...products];

function packagesOf(lib: number, unrelated: number): SmallPackage[] {
  return [
    ...both('lib', lib),
    ...both('unrelated', unrelated),
    ...both('glue', 1),
    ...both('core', 1, ['lib']),
    ...both('uselib', 1, ['lib']),
    ...middles.flatMap((name) => both(`mod-${name}`, 1)),
    ...products.flatMap((name) => both(`prod-${name}`, 1)),
  ];
}

let scene: Scene;
beforeAll(async () => {
  scene = await Scene.open(packagesOf(1, 1));
  const arches = ['aarch64', 'x86_64'];
  await scene.recipe('b0', { arches, packages: ['glue'] });
  await scene.recipe('b1', { arches, packages: ['core'] });
  for (const [index, name] of middles.entries()) {
    const more = name === 'm0' ? ['uselib'] : [];
    await scene.recipe(name, { arches, from: bases[index % 2], packages: [`mod-${name}`, ...more] });
  }
  for (const [index, name] of products.entries()) {
    const more = name === 'p2' ? ['uselib'] : [];
    await scene.recipe(name, { arches, from: middles[index % 6], packages: [`prod-${name}`, ...more] });
  }
  await scene.lock(...recipes);
  await scene.set({ recipes });
});
afterAll(() => scene.close());

test('nothing has changed: one conditional request, and nothing written', async () => {
  await scene.plan();
  scene.mirror.asked.splice(0);
  const before = scene.files();
  const { code, stdout } = await scene.desk.run(scene.command);
  expect(code).toBe(0);
  expect(stdout).toBe('night: nothing to do: 20 recipes are up to date\n');
  expect(scene.mirror.asked.map(({ path, status }) => [path, status])).toEqual([
    ['/r/repodata/repomd.xml', 304],
  ]);
  expect(scene.mirror.asked[0]!.headers['if-none-match']).toBeDefined();
  expect(scene.files()).toEqual(before);
});

test('an update of a library reaches exactly the images that have it, bases first', async () => {
  const carriers: string[] = [];
  for (const name of recipes) {
    const { arches } = await scene.lockOf(name);
    if (Object.values(arches).some(({ packages }) => packages.some((found) => found.name === 'lib')))
      carriers.push(name);
  }
  expect(carriers.length).toBeGreaterThan(5);
  expect(carriers.length).toBeLessThan(20);
  scene.publish(packagesOf(2, 2), [
    { id: 'A-1', title: 'CVE-2026-1234 lib', packages: both('lib', 2) },
    { id: 'A-2', packages: both('unrelated', 2) },
  ]);
  const recipesBefore = Object.entries(scene.files()).filter(([path]) => path.startsWith('recipes/'));
  const plan = await scene.plan();
  const planned = plan.images.map(({ recipe }) => recipe);
  expect(planned.toSorted()).toEqual(carriers.toSorted());
  expect(plan.unchanged.toSorted()).toEqual(recipes.filter((name) => !carriers.includes(name)).toSorted());
  expect([plan.failed, plan.skipped]).toEqual([[], []]);
  for (const [index, { bases: below }] of plan.images.entries())
    expect(below.filter((base) => planned.slice(index).includes(base))).toEqual([]);
  const advisory = { id: 'A-1', type: 'security', severity: 'Important', cves: ['CVE-2026-1234'] };
  const moves = ['aarch64', 'x86_64'].map((arch) => ({
    name: 'lib',
    arch,
    from: `lib-1-1.${arch}`,
    to: `lib-2-1.${arch}`,
  }));
  for (const image of plan.images) {
    expect(image.arches).toEqual(['aarch64', 'x86_64']);
    expect(image.packages).toEqual(moves);
    expect(image.advisories).toMatchObject([advisory]);
    expect(image.updateBytes).toBeGreaterThan(0);
    expect(image.priority).toBe('high');
  }
  const reasonsOf = (name: string) => plan.images.find(({ recipe }) => recipe === name)!.reasons;
  const own = moves.map(({ from, to }) => ({ kind: 'package', from, to, advisories: ['A-1'] }));
  expect(reasonsOf('b1')).toEqual(own);
  expect(reasonsOf('m1')).toEqual([{ kind: 'base', base: 'b1' }]);
  expect(reasonsOf('p2')).toEqual(own);
  expect(await scene.plan()).toEqual(plan);
  expect(Object.entries(scene.files()).filter(([path]) => path.startsWith('recipes/'))).toEqual(
    recipesBefore,
  );
  const { stdout } = await scene.desk.run([...scene.command, '--json']);
  expect((await scene.desk.run([...scene.command, '--json'])).stdout).toBe(stdout);
});

test('new locks in the order of the plan are what was planned, and leave nothing to do', async () => {
  const { images } = await scene.plan();
  await scene.lock(...images.map(({ recipe }) => recipe));
  for (const { recipe } of images) {
    const { arches } = await scene.lockOf(recipe);
    for (const { packages } of Object.values(arches))
      expect(packages.find(({ name }) => name === 'lib')!.version).toBe('2');
  }
  expect((await scene.plan()).images).toEqual([]);
});

test('a recipe that cannot be solved fails alone, and what stands on it is skipped', async () => {
  await scene.recipe('b0', { arches: ['aarch64', 'x86_64'], packages: ['glue', 'no-such'] });
  const { code, stdout } = await scene.desk.run([...scene.command, '--json']);
  const plan = JSON.parse(stdout) as Awaited<ReturnType<Scene['plan']>>;
  expect(code).toBe(5);
  expect(plan.failed).toMatchObject([{ recipe: 'b0', code: 'SOLVE_FAILED', arch: 'aarch64' }]);
  expect(plan.skipped.map(({ recipe }) => recipe)).toContain('m0');
  expect(plan.skipped.every(({ base }) => base === 'b0')).toBe(true);
  expect(plan.unchanged).toContain('b1');
});
