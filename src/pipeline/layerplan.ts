/** Which packages of a recipe share a layer: planned from their sizes and changelogs, kept from lock to lock. */
import { MillinerError } from '../errors.ts';
import { planLayers, type Plan, type Source } from '../layer/plan.ts';
import { sourceNameOf, type LockedArch, type LockedPackage } from '../lock/lock.ts';
import type { LoadedRecipe } from '../recipe/load.ts';
import { readPackage, type RpmPackage } from '../rpm/package.ts';
import { headerTags } from '../rpm/tags.ts';
import type { Context } from './context.ts';
import { fetchPackages, placesOf } from './fetch.ts';

/** The rpm database, large generated files, and the state. */
const otherLayers = 3;
/** More make clients slow; containerd fails beyond 127. */
export const mostLayers = 64;
const usualLayers = 40;
/** What a recipe may add to bases that have used up theirs. */
const usualMore = 16;

/** At most, bases included. */
export function layerCount({ below, plan }: LockedArch['layers']): number {
  return below + plan.length + otherLayers;
}

interface PlanInput {
  /** Those that the base has not. */
  packages: LockedPackage[];
  /** Of the base's lock. */
  base: LockedArch['layers'] | undefined;
  previous: Plan | undefined;
}

/** Throws RECIPE_INVALID where the bases have left no layers. */
export async function planArch(
  context: Context,
  loaded: LoadedRecipe,
  arch: string,
  { packages, base, previous }: PlanInput,
): Promise<LockedArch['layers']> {
  const below = base ? layerCount(base) : 0;
  const { recipe, path } = loaded;
  const max = recipe.layers.max ?? Math.min(mostLayers, below === 0 ? usualLayers : below + usualMore);
  const most = max - below - otherLayers;
  if (most < 1) {
    throw new MillinerError(
      'RECIPE_INVALID',
      `${path}: layers.max: ${max} layers are too few: the bases may have ${below}, and this recipe needs ${otherLayers + 1}`,
      { hint: 'Give this recipe more, or its base fewer.' },
    );
  }
  const files = await fetchPackages(context, packages, placesOf(context, loaded, arch));
  const described = new Map<LockedPackage, RpmPackage>();
  for (const one of packages) described.set(one, await readPackage(files.get(one.sha256)!));
  return { below, plan: planLayers(sourcesOf(described), most, previous) };
}

const year = 365.25 * 24 * 3600;
/** Older changes say little of the next. */
const remembered = 2 * year;

function sourcesOf(described: Map<LockedPackage, RpmPackage>): Source[] {
  const newest = Math.max(...described.values().map(({ buildTime }) => buildTime));
  return Map.groupBy(described.keys(), sourceNameOf)
    .entries()
    .map(([name, packages]) => {
      const size = packages.reduce((sum, one) => sum + one.size, 0);
      return { name, size, rate: changesSince(described.get(packages[0]!)!, newest - remembered) };
    })
    .toArray();
}

/** Days on which its changelog has entries. */
function changesSince({ header }: RpmPackage, since: number): number {
  const times = header.numbers(headerTags.CHANGELOGTIME) ?? [];
  return new Set(times.filter((time) => time >= since).map((time) => Math.floor(time / 86_400))).size;
}
