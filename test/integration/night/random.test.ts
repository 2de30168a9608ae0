/** Plans of random recipes and updates, beside what a search through all packages says that each image will hold. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { silent } from '../../../src/lib/host/progress.ts';
import { lock } from '../../../src/pipeline/lock/lock.ts';
import { planNight } from '../../../src/pipeline/night/plan-night.ts';
import { openContext, type Context } from '../../../src/pipeline/state/context.ts';
import { generator, pick, type Random } from '../../helpers/random.ts';
import { smallRepository, type SmallPackage } from '../../helpers/repo/small-repository.ts';
import { soak, today } from '../../helpers/soak.ts';

const seeds = Array.from({ length: soak ? 200 : 4 }, (_, index) => (soak ? index + 1 : today * 4 + index));

let directory: string;
let context: Context;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'nights-'));
  context = await openContext({ state: join(directory, 'state'), storage: 'overlay', progress: silent });
});
afterAll(async () => {
  await context.close();
  await rm(directory, { recursive: true });
});

interface World {
  before: SmallPackage[];
  after: SmallPackage[];
  recipes: { name: string; base: string | undefined; words: string[] }[];
}

/** What a package requires comes before it; an update may require something else. */
function worldOf(random: Random): World {
  const names = Array.from({ length: 12 }, (_, index) => `k${index}`);
  const requires = (index: number) =>
    names
      .slice(0, index)
      .filter(() => random(4) === 0)
      .slice(0, 3);
  const version = (index: number, at: number) => ({
    name: names[index]!,
    version: at,
    arch: 'x86_64',
    requires: requires(index),
  });
  const before = names.map((_, index) => version(index, 1));
  const after = before.map((one, index) => (random(5) === 0 ? version(index, 2) : one));
  const recipes: World['recipes'] = [];
  for (let index = 0; index < 9; index++) {
    const shallow = recipes.filter((one) => depthOf(recipes, one.name) < 2).map(({ name }) => name);
    const base = index > 0 && random(4) > 0 ? pick(random, shallow) : undefined;
    const words = [pick(random, names), ...(random(2) === 0 ? [pick(random, names)] : [])];
    recipes.push({ name: `r${index}`, base, words: [...new Set(words)] });
  }
  return { before, after, recipes };
}

function depthOf(recipes: World['recipes'], name: string): number {
  const { base } = recipes.find((one) => one.name === name)!;
  return base === undefined ? 0 : depthOf(recipes, base) + 1;
}

/** NAME-VERSION of all that a recipe and its bases ask for, and of what these require. */
function contentOf({ recipes }: World, packages: readonly SmallPackage[], name: string): string[] {
  const found = new Map<string, SmallPackage>();
  const add = (word: string) => {
    if (found.has(word)) return;
    const one = packages.find((candidate) => candidate.name === word)!;
    found.set(word, one);
    for (const required of one.requires ?? []) add(required);
  };
  for (let at: string | undefined = name; at !== undefined;) {
    const recipe: World['recipes'][number] = recipes.find((one) => one.name === at)!;
    for (const word of recipe.words) add(word);
    at = recipe.base;
  }
  return [...found.values()].map(({ name: own, version }) => `${own}-${version}`).toSorted();
}

async function publish(place: string, packages: readonly SmallPackage[], revision: number): Promise<void> {
  const repository = join(place, 'repository');
  await rm(repository, { recursive: true, force: true });
  for (const [path, bytes] of Object.entries(smallRepository(packages, revision))) {
    await mkdir(dirname(join(repository, path)), { recursive: true });
    await writeFile(join(repository, path), bytes);
  }
}

test.each(seeds)('night %i', async (seed) => {
  const random = generator(seed);
  const world = worldOf(random);
  const place = join(directory, String(seed));
  await publish(place, world.before, 1_700_000_000);
  const repos = [{ name: 'small', baseurl: join(place, 'repository'), gpgcheck: false }];
  for (const { name, base, words } of world.recipes) {
    const recipe = {
      name,
      repos,
      arches: ['x86_64'],
      tools: 'host',
      packages: words,
      ...(base && { from: base }),
    };
    await writeFile(join(place, `${name}.yaml`), stringify(recipe));
    await lock(context, join(place, `${name}.yaml`));
  }
  const set = join(place, 'milliner.yaml');
  await writeFile(
    set,
    stringify({ name: 'night', key: 'none', recipes: world.recipes.map(({ name }) => name) }),
  );
  expect((await planNight(context, set)).images).toEqual([]);
  await publish(place, world.after, 1_700_000_001);
  const plan = await planNight(context, set);
  expect([plan.failed, plan.skipped]).toEqual([[], []]);
  const expected = world.recipes.filter(({ name }) => {
    const [old, now] = [world.before, world.after].map((packages) => contentOf(world, packages, name));
    return old!.join() !== now!.join();
  });
  const planned = plan.images.map(({ recipe }) => recipe);
  expect(planned.toSorted()).toEqual(expected.map(({ name }) => name).toSorted());
  for (const { recipe, packages, bases } of plan.images) {
    expect(
      bases.every((base) => !planned.includes(base) || planned.indexOf(base) < planned.indexOf(recipe)),
    ).toBe(true);
    const content = (packagesThen: readonly SmallPackage[]) => contentOf(world, packagesThen, recipe);
    const [old, now] = [content(world.before), content(world.after)];
    const named = (nevra: string | undefined) => nevra?.replace(/-1\.x86_64$/, '');
    expect(packages.flatMap(({ from }) => named(from) ?? []).toSorted()).toEqual(
      old.filter((it) => !now.includes(it)),
    );
    expect(packages.flatMap(({ to }) => named(to) ?? []).toSorted()).toEqual(
      now.filter((it) => !old.includes(it)),
    );
  }
});
