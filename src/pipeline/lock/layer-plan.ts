/** Which packages of a recipe share a layer: planned from their sizes and changelogs, kept from lock to lock. */
import { MillinerError } from '../../lib/errors/error.ts';
import { readPackage, type RpmPackage } from '../../lib/rpm/package.ts';
import { headerTags } from '../../lib/rpm/tags.ts';
import {
  expectedUpdate,
  planLayers,
  type Plan,
  type Component,
} from '../../stages/layer/packages/plan-layers.ts';
import {
  ownPackages,
  sourceNameOf,
  type LockedArch,
  type LockedPackage,
} from '../../stages/lock/lock-file.ts';
import type { LoadedRecipe } from '../../stages/recipe/load.ts';
import type { Recipe } from '../../stages/recipe/schema.ts';
import { sayingWhich } from '../packages/error-names.ts';
import { fetchLocked } from '../packages/fetch.ts';
import type { Context } from '../state/context.ts';

/** The rpm database, large generated files, and the state. */
const otherLayers = 3;
/** More make clients slow; containerd fails beyond 127. */
export const maxLayers = 64;
const defaultLayers = 40;
/** What a recipe may add to bases that have used up theirs. */
const defaultAdded = 16;

/** At most, bases included. */
export function layerCount({ below, plan }: LockedArch['layers']): number {
  return below + plan.length + otherLayers;
}

/** Bytes that the next image is expected to cost a reader of this one. */
export interface PlanCost {
  update: number;
  /** With a layer for every source package. */
  packages: number;
}

/** Packages as their own headers describe them. */
export type Described = ReadonlyMap<LockedPackage, RpmPackage>;

export async function describePackages(
  context: Context,
  loaded: LoadedRecipe,
  arch: string,
  packages: LockedPackage[],
): Promise<Described> {
  const files = await fetchLocked(context, loaded, arch, packages);
  const described = new Map<LockedPackage, RpmPackage>();
  for (const one of packages) {
    const file = files.get(one.sha256)!;
    described.set(one, await sayingWhich([{ path: file, nevra: one.nevra }], () => readPackage(file)));
  }
  return described;
}

interface PlanInput {
  /** Those that the base has not. */
  packages: Described;
  /** Layers that the base may have. */
  below: number;
  previous: Plan | undefined;
}

/** Throws RECIPE_INVALID where the bases have left no layers. */
export function planArch(
  { recipe, path }: LoadedRecipe,
  { packages, below, previous }: PlanInput,
): { layers: LockedArch['layers']; cost: PlanCost } {
  const maxOwn = maxOwnLayers(recipe, below);
  if (maxOwn < 1) {
    throw new MillinerError(
      'RECIPE_INVALID',
      `${path}: layers.max: ${maxOwn + below + otherLayers} layers are too few: the bases may have ${below}, and this recipe needs ${otherLayers + 1}`,
      { hint: 'Allow this recipe more layers, or its base fewer.' },
    );
  }
  const sources = sourcesOf(packages);
  const plan = planLayers(sources, maxOwn, previous);
  const alone = sources.map(({ name }) => [name]);
  const cost = { update: expectedUpdate(sources, plan), packages: expectedUpdate(sources, alone) };
  return { layers: { below, plan }, cost };
}

/** Layers that a recipe may have for its packages. */
export function maxOwnLayers({ layers }: Recipe, below: number): number {
  const max = layers.max ?? Math.min(maxLayers, below === 0 ? defaultLayers : below + defaultAdded);
  return max - below - otherLayers;
}

/** What the layers of changed packages are to a reader of yesterday's image, by the packages' own sizes. */
export interface UpdateCost {
  changedLayers: number;
  /** Bytes of the changed layers' packages. */
  download: number;
  /** Bytes of the packages that have changed. */
  packages: number;
}

type LayeredPackages = Pick<LockedArch, 'packages' | 'base' | 'layers'>;

/** Of the packages that the base has not: its layers are its own lock's. */
export function updateCost(before: LayeredPackages, now: LayeredPackages): UpdateCost {
  const [old, current] = [packagesBySource(before), packagesBySource(now)];
  const digests = (packages: LockedPackage[] = []) =>
    packages
      .map(({ sha256 }) => sha256)
      .toSorted()
      .join();
  const sizeOf = (names: string[]) =>
    names.flatMap((name) => current.get(name) ?? []).reduce((sum, { size }) => sum + size, 0);
  const names = new Set([...old.keys(), ...current.keys()]);
  const changed = new Set([...names].filter((name) => digests(old.get(name)) !== digests(current.get(name))));
  const layerOf = (plan: Plan) => new Map(plan.flatMap((layer) => layer.map((name) => [name, layer.join()])));
  const [from, to] = [layerOf(before.layers.plan), layerOf(now.layers.plan)];
  const layers = now.layers.plan.filter((layer) =>
    layer.some((name) => changed.has(name) || from.get(name) !== to.get(name)),
  );
  return { changedLayers: layers.length, download: sizeOf(layers.flat()), packages: sizeOf([...changed]) };
}

function packagesBySource(answer: LayeredPackages): Map<string, LockedPackage[]> {
  return Map.groupBy(ownPackages(answer), sourceNameOf);
}

const year = 365.25 * 24 * 3600;
/** Older changes say little of the next. */
const remembered = 2 * year;

function sourcesOf(described: Described): Component[] {
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
