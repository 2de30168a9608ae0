/** For `recipe check`: finds mistakes in recipes, stacks and release sets without a download. */
import { globSync } from 'node:fs';
import { basename } from 'node:path';
import { MillinerError } from '../../lib/errors/error.ts';
import { shownPath } from '../../lib/yaml/mistakes.ts';
import { readLock, type Lock } from '../../stages/lock/lock-file.ts';
import { loadSet } from '../../stages/recipe/load-set.ts';
import { loadStack } from '../../stages/recipe/load-stack.ts';
import { RecipeReader, type LoadedRecipe } from '../../stages/recipe/load.ts';
import { checkFresh } from '../lock/freshness.ts';
import { wrongNames } from './wrong-names.ts';

export interface CheckedFile {
  path: string;
  kind: 'recipe' | 'stack' | 'set';
  /** What was not checked, and what may be wrong, one sentence each. */
  notes: string[];
}

/**
 * Without names, all in ./recipes and ./recipes/stacks, or in this directory. Throws one error for all mistakes, with the
 * code of the first.
 */
export async function checkRecipes(names: readonly string[], state: string): Promise<CheckedFile[]> {
  const given = names.length > 0 ? names : filesHere();
  if (given.length === 0)
    throw new MillinerError('RECIPE_NOT_FOUND', 'there is no recipe in recipes/ or in this directory');
  const reader = new RecipeReader();
  const checked: CheckedFile[] = [];
  const errors: MillinerError[] = [];
  for (const name of given) {
    try {
      checked.push(await checkOne(reader, name, state));
    } catch (error) {
      if (!(error instanceof MillinerError)) throw error;
      if (!errors.some(({ message }) => message === error.message)) errors.push(error);
    }
  }
  if (errors.length > 0) throw together(errors);
  return checked;
}

function together(errors: readonly MillinerError[]): MillinerError {
  const [first, ...others] = errors;
  if (others.length === 0) return first!;
  const { code, hint, details } = first!;
  const message = errors.map((one) => one.message).join('\n\n');
  const all = errors.map((one) => ({
    code: one.code,
    message: one.message,
    hint: one.hint,
    details: one.details,
  }));
  return new MillinerError(code, message, { hint, details: { ...details, errors: all } });
}

function filesHere(): string[] {
  const inFolder = globSync('recipes/{*,stacks/*}.yaml');
  const found = inFolder.length > 0 ? inFolder : globSync('*.yaml');
  return found.filter((path) => basename(path) !== 'repos.yaml').toSorted();
}

async function checkOne(reader: RecipeReader, name: string, state: string): Promise<CheckedFile> {
  if (/\.stack(?:\.yaml)?$/.test(name)) {
    const { path } = await loadStack(name);
    return { path, kind: 'stack', notes: [] };
  }
  if (basename(name) === 'milliner.yaml') {
    const { path } = await loadSet(name);
    return { path, kind: 'set', notes: [] };
  }
  const chain = await reader.chain(name);
  const loaded = chain.at(-1)!;
  return { path: loaded.path, kind: 'recipe', notes: await checkLocked(chain, state) };
}

/** What only the packages tell. Throws RECIPE_INVALID. */
async function checkLocked(chain: readonly LoadedRecipe[], state: string): Promise<string[]> {
  const loaded = chain.at(-1)!;
  const locks = await Promise.all(chain.map(({ lockPath }) => readLock(lockPath)));
  const lock = locks.at(-1);
  if (!lock) return ['not locked: names of packages, units, programs and users are not checked'];
  const staleness = staleReason(loaded, lock, locks.at(-2));
  if (staleness !== undefined) return [staleness];
  const { wrong, notes } = await wrongNames(chain, lock, state);
  const certain = wrong.filter((one) => one.isCertain);
  if (certain.length > 0) throw loaded.file.wrong(...certain);
  return [
    ...notes,
    ...wrong.map(({ keys, text }) => `${keys.join('.')}: ${text}, as far as its packages tell`),
  ];
}

function staleReason(loaded: LoadedRecipe, lock: Lock, base: Lock | undefined): string | undefined {
  try {
    checkFresh(loaded, lock, base);
    return undefined;
  } catch (error) {
    if (!(error instanceof MillinerError) || error.code !== 'LOCK_STALE') throw error;
    return `${shownPath(loaded.lockPath)} is older than the recipe: lock it again`;
  }
}
