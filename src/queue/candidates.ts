/** Recipes that may be released, read from their files. */
import { MillinerError } from '../lib/errors/error.ts';
import { bundleRecipe, type BundledRecipe } from '../pipeline/transfer/recipe-bundle.ts';
import { readLock } from '../stages/lock/lock-file.ts';
import { RecipeReader, type LoadedRecipe } from '../stages/recipe/load.ts';

/**
 * A recipe that may be released with its bases, and the bundled copies of the same files. Both lists begin with the
 * lowest base.
 */
export interface Candidate {
  /** As the caller named it. */
  given: string;
  chain: LoadedRecipe[];
  bundled: BundledRecipe[];
}

/**
 * Reads each recipe once; bases come before the recipes built on them, otherwise the given order stays. A file that is
 * edited during the release would otherwise be released unchecked, so every file is read here and not again.
 */
export async function readCandidates(recipes: readonly string[]): Promise<Candidate[]> {
  const reader = new RecipeReader();
  const unique = new Map<string, Omit<Candidate, 'bundled'>>();
  for (const recipe of recipes) {
    const chain = await reader.chain(recipe);
    unique.set(chain.at(-1)!.path, { given: recipe, chain });
  }
  const names = [...unique.values()].map(({ chain }) => chain.at(-1)!.recipe.name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new MillinerError('USAGE', `two of the recipes have the name ${twice}`);
  const found = [...unique.values()].toSorted((a, b) => a.chain.length - b.chain.length);
  const bundled = new Map<string, BundledRecipe>();
  for (const loaded of found.flatMap(({ chain }) => chain)) {
    if (bundled.has(loaded.path)) continue;
    bundled.set(loaded.path, await bundleRecipe(loaded, await readLock(loaded.lockPath)));
  }
  return found.map(({ given, chain }) => ({
    given,
    chain,
    bundled: chain.map(({ path }) => bundled.get(path)!),
  }));
}
