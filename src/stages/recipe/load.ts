/** Loads a recipe file with its repositories, key files and templates. */
import { existsSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { MillinerError } from '../../lib/errors/error.ts';
import { isConfined } from '../../lib/http/reach.ts';
import { baseSourceOf, type BaseSource } from './base-source.ts';
import { checkPlaces } from './placed-paths.ts';
import { readTemplate, type Template } from './recipe-files.ts';
import { definitionsOf, resolveRepositories } from './recipe-repositories.ts';
import { recipeSchema, repositoriesSchema, type Recipe, type Repository } from './schema.ts';
import { refuseUntrusted } from './untrusted.ts';
import { readYaml } from './yaml.ts';

export interface LoadedRecipe {
  recipe: Recipe;
  /** Absolute path of the recipe file. */
  path: string;
  /** Path of its lock: the recipe's name with .lock.json for .yaml. */
  lockPath: string;
  /** The templates that its files name, by name. */
  templates: ReadonlyMap<string, Template>;
  /** The lowest base of its chain, if that is no recipe. */
  source?: BaseSource;
}

/** A recipe and its bases, lowest first; a circle is an error. Takes a path, or the name of a file in ./recipes. */
export async function loadChain(nameOrPath: string): Promise<LoadedRecipe[]> {
  return new RecipeReader().chain(nameOrPath);
}

/**
 * Reads the recipes of one command. An editor may write a file between two readings of it, and the second text would pass
 * under the check of the first. So each is read once, however many recipes stand on it.
 */
export class RecipeReader {
  readonly #recipes = new Map<string, Promise<LoadedRecipe>>();
  readonly #repositories = new Map<string, Promise<Repository[]>>();

  /** As loadChain. */
  async chain(nameOrPath: string): Promise<LoadedRecipe[]> {
    const chain: LoadedRecipe[] = [];
    for (let path: string | undefined = locate(nameOrPath); path !== undefined; path = basePath(chain[0]!)) {
      const loaded = await this.#recipe(path);
      if (chain.some((seen) => seen.path === path)) {
        const circle = [...chain.toReversed(), loaded].map(({ recipe }) => recipe.name).join(' -> ');
        throw new MillinerError('RECIPE_INVALID', `${path}: from: the recipes form a circle: ${circle}`);
      }
      chain.unshift(loaded);
    }
    const source = await baseSourceOf(chain[0]!.recipe, chain[0]!.path);
    return source ? chain.map((one) => ({ ...one, source })) : chain;
  }

  #recipe(path: string): Promise<LoadedRecipe> {
    const reading = this.#recipes.get(path) ?? this.#load(path);
    this.#recipes.set(path, reading);
    return reading;
  }

  async #load(path: string): Promise<LoadedRecipe> {
    const raw = await readYaml(path, recipeSchema);
    // An image without packages has no rpm database, and no program to run.
    if (raw.packages.length === 0 && raw.from === undefined)
      throw new MillinerError(
        'RECIPE_INVALID',
        `${path}: packages: neither packages nor a base (from) are named`,
      );
    const hasSharedRepos = raw.repos.some((repo) => typeof repo === 'string');
    const shared = hasSharedRepos ? await this.#shared(join(dirname(path), 'repos.yaml')) : [];
    const definitions = definitionsOf(raw.repos, shared, path);
    if (isConfined()) refuseUntrusted(path, raw, definitions);
    const repos = await resolveRepositories(definitions, path, raw.release);
    checkPlaces(path, raw);
    const templates = new Map<string, Template>();
    for (const { template } of raw.files)
      if (template !== undefined) templates.set(template, await readTemplate(path, template));
    return { recipe: { ...raw, repos }, path, lockPath: lockPathOf(path), templates };
  }

  /** The shared repositories of a directory, which recipes use by name. */
  #shared(path: string): Promise<Repository[]> {
    const reading =
      this.#repositories.get(path) ?? readYaml(path, repositoriesSchema).then(({ repos }) => repos);
    this.#repositories.set(path, reading);
    return reading;
  }
}

/** From the path or the name of a recipe file. */
export function lockPathOf(path: string): string {
  return `${path.replace(/\.ya?ml$/, '')}.lock.json`;
}

/** The recipe that `from` names, in the same directory. */
function basePath({ path, recipe: { from } }: LoadedRecipe): string | undefined {
  if (typeof from !== 'string') return undefined;
  const base = join(dirname(path), `${from}.yaml`);
  if (existsSync(base)) return locate(base);
  throw new MillinerError('RECIPE_NOT_FOUND', `${path}: from: ${from}: there is no ${base}`, {
    hint: `Put the recipe ${from}.yaml beside the one that names it.`,
  });
}

function locate(nameOrPath: string): string {
  const candidates = [resolve(nameOrPath), resolve('recipes', `${nameOrPath}.yaml`)];
  const found = candidates.find((path) => existsSync(path) && statSync(path).isFile());
  if (found) return found;
  throw new MillinerError(
    'RECIPE_NOT_FOUND',
    `no recipe ${nameOrPath}: looked for ${candidates.join(' and ')}`,
  );
}
