/** Loads a release set: finds its recipes, and gives each the settings that count for it. */
import { existsSync, statSync } from 'node:fs';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import type { z } from 'zod';
import { MillinerError } from '../../lib/errors/error.ts';
import { isBeneath, rootOf } from '../../lib/host/beneath.ts';
import { parseReference, showReference } from '../../lib/registry/reference.ts';
import { shownPath } from '../../lib/yaml/mistakes.ts';
import { nearest } from '../../lib/yaml/nearest.ts';
import type { YamlFile } from '../../lib/yaml/yaml-file.ts';
import { fillReferences } from './fill-references.ts';
import { recipeNames, RecipeReader, type LoadedRecipe } from './load.ts';
import { setSchema, type Publish, type ReleaseSet, type UpdatePolicy } from './set-schema.ts';
import { openYaml } from './yaml.ts';

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

interface ReadSet {
  set: ReleaseSet;
  /** Absolute path of the file. */
  path: string;
  /** The file itself, for what is found wrong with it later. */
  file: YamlFile;
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
export async function readSet(given?: string): Promise<ReadSet> {
  const path = locateSet(given);
  const schema = setSchema.superRefine((read, faults) => checkPlaces(path, read, faults));
  const codes = { invalid: 'SET_INVALID', missing: 'SET_NOT_FOUND' } as const;
  const { data, file } = await openYaml(path, schema, codes);
  return { path, set: data, file };
}

/** Throws as readSet, and what loading recipes throws. */
export async function loadSet(given?: string): Promise<LoadedSet> {
  const { path, set, file } = await readSet(given);
  const reader = new RecipeReader();
  const members: SetMember[] = [];
  for (const [index, { recipe, ...own }] of set.recipes.entries()) {
    const chain = await reader.chain(recipePath(file, recipe, index));
    members.push({
      loaded: chain.at(-1)!,
      chain,
      update: own.update ?? set.update,
      hold: [...set.hold, ...(own.hold ?? [])],
      publish: own.publish ?? set.publish ?? chain.at(-1)!.recipe.publish,
      quarantineAfter: (own.quarantine ?? set.quarantine)?.after,
    });
  }
  checkNames(file, members);
  checkBetween(file, members);
  checkTargets(file, members);
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
      message: `this is outside of ${root}`,
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
function recipePath(file: YamlFile, recipe: string, index: number): string {
  const setPath = file.path;
  const here = dirname(setPath);
  const candidates = [recipe, `${recipe}.yaml`, join('recipes', `${recipe}.yaml`)].map((one) =>
    resolve(here, one),
  );
  const root = rootOf(setPath);
  const found = candidates.filter((path) => isBeneath(root, path)).find(isFile);
  if (found !== undefined) return found;
  const names = [here, join(here, 'recipes')].flatMap(recipeNames);
  const text = `there is no recipe ${recipe} beside this file, nor in recipes/`;
  throw file.wrong({ keys: ['recipes', index], text, suggestion: nearest(recipe, names) });
}

/** A plan and a report know images by these names. */
function checkNames(file: YamlFile, members: readonly SetMember[]): void {
  const places = new Map<string, string>();
  const listed = new Set<string>();
  for (const [index, { loaded, chain }] of members.entries()) {
    const wrong = (text: string) => file.wrong({ keys: ['recipes', index], text });
    if (listed.has(loaded.path)) throw wrong(`${loaded.recipe.name} is there twice`);
    listed.add(loaded.path);
    for (const one of chain) {
      const other = places.get(one.recipe.name);
      if (other !== undefined && other !== one.path)
        throw wrong(`${[other, one.path].map(shownPath).join(' and ')} have one name: ${one.recipe.name}`);
      places.set(one.recipe.name, one.path);
    }
  }
}

/** Between two members no recipe may stand still: its lock would be of a base that is no more. */
function checkBetween(file: YamlFile, members: readonly SetMember[]): void {
  const listed = new Set(members.map(({ loaded }) => loaded.path));
  for (const [index, { loaded, chain }] of members.entries()) {
    const lowest = chain.findIndex((one) => listed.has(one.path));
    const between = chain.slice(lowest).find((one) => !listed.has(one.path));
    if (!between) continue;
    const names = `${loaded.recipe.name} and ${chain[lowest]!.recipe.name}`;
    const text = `${between.recipe.name} stands between ${names}`;
    throw file.wrong({ keys: ['recipes', index], text, hint: 'Add it to the recipes.' });
  }
}

/**
 * Two images under one tag would replace each other every night. A reference that is none is the fault of its recipe
 * alone, and found when that is released.
 */
function checkTargets(file: YamlFile, members: readonly SetMember[]): void {
  const taken = new Map<string, string>();
  for (const { loaded, publish } of members) {
    const { name } = loaded.recipe;
    for (const reference of targetsOf(loaded, publish)) {
      const other = taken.get(reference);
      if (other !== undefined)
        throw file.wrong({
          keys: ['publish'],
          text: `${other} and ${name} have one tag: ${reference}`,
          hint: 'Put {{name}} into it.',
        });
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

const isFile = (path: string) => existsSync(path) && statSync(path).isFile();
