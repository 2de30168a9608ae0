/** The difference between a lock and what a new one would have, package by package. */
import { parseNevra } from '../../lib/rpm/package.ts';
import { planLayers } from '../../stages/layer/packages/plan-layers.ts';
import {
  ownPackages,
  sourceNameOf,
  type LockedArch,
  type LockedPackage,
} from '../../stages/lock/lock-file.ts';
import { changesBetween } from '../../stages/lock/package-changes.ts';
import type { PlannedPackage } from '../../stages/night/planned-image.ts';
import type { Recipe } from '../../stages/recipe/schema.ts';
import { maxOwnLayers, updateCost } from '../lock/layer-plan.ts';

/** What a lock will say of an image, without its tool root. */
export type ImageAnswer = Omit<LockedArch, 'tools'>;

/** In the order of the locks. Rebuilt packages have one NEVRA in both. */
export function movesBetween(before: ImageAnswer | undefined, now: ImageAnswer): PlannedPackage[] {
  const { added, removed, replaced } = changesBetween(checksumsOf(before), checksumsOf(now));
  return [
    ...replaced.map(({ from, to }) => ({ ...nameOf(to), from, to })),
    ...added.map((to) => ({ ...nameOf(to), to })),
    ...removed.map((from) => ({ ...nameOf(from), from })),
  ];
}

/** Those of the packages that the recipe itself adds; what a base has taken over has not moved. */
export function ownMoves<M extends PlannedPackage>(
  moves: readonly M[],
  before: ImageAnswer | undefined,
  now: ImageAnswer,
): M[] {
  const own = new Set(
    [...(before ? ownPackages(before) : []), ...ownPackages(now)].map(({ nevra }) => nevra),
  );
  return moves.filter(({ from, to }) => own.has(to ?? from!));
}

function checksumsOf(answer: ImageAnswer | undefined): Map<string, string> {
  const locked = (answer?.packages ?? []).map(({ nevra, sha256 }) => [nevra, sha256] as const);
  // Packages of an image of others have no checksum in a lock: the image's digest stands for them.
  const image = (answer?.image?.packages ?? []).map((nevra) => [nevra, ''] as const);
  return new Map([...locked, ...image]);
}

function nameOf(nevra: string): { name: string; arch: string } {
  const { name, arch } = parseNevra(nevra) ?? { name: nevra, arch: '' };
  return { name, arch };
}

/** Whether an image of the one has all that an image of the other has. */
export function hasSamePackages(before: ImageAnswer, now: ImageAnswer): boolean {
  const same = (a: readonly string[], b: readonly string[]) =>
    a.toSorted().join('\0') === b.toSorted().join('\0');
  return (
    movesBetween(before, now).length === 0 &&
    same(before.base, now.base) &&
    same(before.removed, now.removed) &&
    before.image?.digest === now.image?.digest
  );
}

/**
 * The layers that a new lock will plan. Only the lock reads changelogs: here all sources change equally often, so a new
 * one may get another layer.
 */
export function layersOf(
  recipe: Recipe,
  answer: Pick<LockedArch, 'packages' | 'base'>,
  below: number,
  previous: LockedArch['layers'] | undefined,
): LockedArch['layers'] {
  const sources = Map.groupBy(ownPackages(answer), sourceNameOf)
    .entries()
    .map(([name, packages]) => ({ name, size: sizeOf(packages), rate: 0 }))
    .toArray();
  if (sources.length === 0) return { below, plan: [] };
  const max = Math.max(1, maxOwnLayers(recipe, below));
  return { below, plan: planLayers(sources, max, previous?.plan) };
}

/** Bytes of the recipe's own layers that a reader of the last image has not. */
export function updateBytes(before: ImageAnswer | undefined, now: ImageAnswer): number {
  return before ? updateCost(before, now).download : sizeOf(ownPackages(now));
}

function sizeOf(packages: readonly LockedPackage[]): number {
  return packages.reduce((sum, { size }) => sum + size, 0);
}
