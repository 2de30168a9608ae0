/** Loads a release set: finds its recipes, and gives each the settings that count for it. */
import { existsSync, statSync } from 'node:fs';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import type { z } from 'zod';
import { MillinerError } from '../../lib/errors/error.ts';
import { isBeneath, rootOf } from '../../lib/host/beneath.ts';
import { parseReference, showReference } from '../../lib/registry/reference.ts';
import { fillReferences } from './fill-references.ts';
import { RecipeReader, type LoadedRecipe } from './load.ts';
import { setSchema, type Publish, type ReleaseSet, type UpdatePolicy } from './set-schema.ts';
import { readYaml } from './yaml.ts';

export interface SetMember {
  loaded: LoadedRecipe;
  /** The recipe and those that it stands on, lowest first. */
  chain: LoadedRecipe[];
  update: UpdatePolicy;
  /** Globs; those of the set and those of the recipe. */
  hold: string[];
  publish: Publish | undefined;
  /** Nights after which a recipe that fails is not tried any more. */
  quarantineAfter: number | undefined;
}

export interface LoadedSet {
  set: ReleaseSet;
  /** Absolute path of the file. */
  path: string;
  /** In the order of the file. */
  members: SetMember[];
}

const fileName = 'milliner.yaml';

/** The set alone. Takes a path; without one ./milliner.yaml or ./recipes/milliner.yaml. Throws SET_NOT_FOUND, SET_INVALID. */
export async function readSet(given?: string): Promise<Pick<LoadedSet, 'set' | 'path'>> {
  const path = locateSet(given);
  const schema = setSchema.superRefine((read, faults) => checkPlaces(path, read, faults));
  return { path, set: await readYaml(path, schema, { invalid: 'SET_INVALID', missing: 'SET_NOT_FOUND' }) };
}

/** Throws as readSet, and what loading recipes throws. */
export async function loadSet(given?: string): Promise<LoadedSet> {
  const { path, set } = await readSet(given);
  const reader = new RecipeReader();
  const members: SetMember[] = [];
  for (const [index, { recipe, ...own }] of set.recipes.entries()) {
    const chain = await reader.chain(recipePath(path, recipe, index));
    members.push({
      loaded: chain.at(-1)!,
      chain,
      update: own.update ?? set.update,
      hold: [...set.hold, ...(own.hold ?? [])],
      publish: own.publish ?? set.publish ?? chain.at(-1)!.recipe.publish,
      quarantineAfter: (own.quarantine ?? set.quarantine)?.after,
    });
  }
  checkNames(path, members);
  checkBetween(path, members);
  checkTargets(path, members);
  return { set, path, members };
}

/** A relative path of a report is beneath the root, as recipes are; an absolute one is the operator's choice. */
function checkPlaces(path: string, { reports }: ReleaseSet, faults: z.RefinementCtx): void {
  const root = rootOf(path);
  for (const [index, report] of reports.entries()) {
    if (!('file' in report) || isAbsolute(report.file)) continue;
    if (isBeneath(root, join(dirname(path), report.file))) continue;
    faults.addIssue({
      code: 'custom',
      path: ['reports', index, 'file'],
      message: `it is outside of ${root}`,
    });
  }
}

function locateSet(given: string | undefined): string {
  const candidates = given === undefined ? [fileName, join('recipes', fileName)] : [given];
  const found = candidates.map((one) => resolve(one)).find(isFile);
  if (found !== undefined) return found;
  throw new MillinerError('SET_NOT_FOUND', `no release set: looked for ${candidates.join(' and ')}`);
}

/** A name is that of a file beside the set, or in recipes/ beside it. */
function recipePath(setPath: string, recipe: string, index: number): string {
  const here = dirname(setPath);
  const candidates = [recipe, `${recipe}.yaml`, join('recipes', `${recipe}.yaml`)].map((one) =>
    resolve(here, one),
  );
  const root = rootOf(setPath);
  const found = candidates.filter((path) => isBeneath(root, path)).find(isFile);
  if (found !== undefined) return found;
  const message = `${setPath}: recipes.${index}: there is no recipe ${recipe} beneath ${root}`;
  throw new MillinerError('SET_INVALID', message, { details: { path: setPath, recipe } });
}

/** A plan and a report know images by these names. */
function checkNames(path: string, members: readonly SetMember[]): void {
  const places = new Map<string, string>();
  const listed = new Set<string>();
  for (const { loaded, chain } of members) {
    if (listed.has(loaded.path)) throw invalid(path, `recipes: ${loaded.recipe.name} occurs twice`);
    listed.add(loaded.path);
    for (const one of chain) {
      const other = places.get(one.recipe.name);
      if (other !== undefined && other !== one.path)
        throw invalid(path, `recipes: ${other} and ${one.path} have one name: ${one.recipe.name}`);
      places.set(one.recipe.name, one.path);
    }
  }
}

/** Between two members no recipe may stand still: its lock would be of a base that is no more. */
function checkBetween(path: string, members: readonly SetMember[]): void {
  const listed = new Set(members.map(({ loaded }) => loaded.path));
  for (const { loaded, chain } of members) {
    const lowest = chain.findIndex((one) => listed.has(one.path));
    const between = chain.slice(lowest).find((one) => !listed.has(one.path));
    if (!between) continue;
    const names = `${loaded.recipe.name} and ${chain[lowest]!.recipe.name}`;
    throw invalid(path, `recipes: ${between.recipe.name} stands between ${names}`, 'Add it to the recipes.');
  }
}

/**
 * Two images under one tag would replace each other every night. A reference that is none is the fault of its recipe
 * alone, and found when that is released.
 */
function checkTargets(path: string, members: readonly SetMember[]): void {
  const taken = new Map<string, string>();
  for (const { loaded, publish } of members) {
    const { name } = loaded.recipe;
    for (const reference of targetsOf(loaded, publish)) {
      const other = taken.get(reference);
      if (other !== undefined)
        throw invalid(
          path,
          `publish: ${other} and ${name} have one tag: ${reference}`,
          'Put {{name}} into it.',
        );
      taken.set(reference, name);
    }
  }
}

function targetsOf({ recipe, path }: LoadedRecipe, publish: Publish | undefined): Set<string> {
  const templates = publish?.to.flatMap((to) => publish.tags.map((tag) => `${to}:${tag}`)) ?? [];
  const references = templates.flatMap((template) => {
    try {
      const [filled = ''] = fillReferences(recipe, path, [template]);
      return [showReference(parseReference(filled.replaceAll('{{arch}}', 'arch')))];
    } catch (error) {
      if (!(error instanceof MillinerError)) throw error;
      return [];
    }
  });
  return new Set(references);
}

function invalid(path: string, reason: string, hint?: string): MillinerError {
  return new MillinerError('SET_INVALID', `${path}: ${reason}`, { ...(hint && { hint }), details: { path } });
}

const isFile = (path: string) => existsSync(path) && statSync(path).isFile();
