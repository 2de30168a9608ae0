/** Loads a recipe file with its repositories, key files and templates. */
import { existsSync, globSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { MillinerError } from '../../lib/errors/error.ts';
import { hostArch } from '../../lib/host/arch.ts';
import { isConfined } from '../../lib/http/reach.ts';
import { shownPath } from '../../lib/yaml/mistakes.ts';
import { didYouMean, nearest } from '../../lib/yaml/nearest.ts';
import type { YamlFile } from '../../lib/yaml/yaml-file.ts';
import { baseSourceOf, type BaseSource } from './base-source.ts';
import { wrongPlace } from './placed-paths.ts';
import { readTemplate, templateNames, type Template } from './recipe-files.ts';
import { definitionsOf, resolveRepositories, type SharedRepositories } from './recipe-repositories.ts';
import { recipeSchema, repositoriesSchema, type Recipe } from './schema.ts';
import { renderTemplate } from './templates.ts';
import { refuseUntrusted } from './untrusted.ts';
import { openYaml } from './yaml.ts';

export interface LoadedRecipe {
  recipe: Recipe;
  /** Absolute path of the recipe file. */
  path: string;
  /** The file itself, for what is found wrong with it later. */
  file: YamlFile;
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
  readonly #repositories = new Map<string, Promise<SharedRepositories>>();

  /** As loadChain. */
  async chain(nameOrPath: string): Promise<LoadedRecipe[]> {
    const chain: LoadedRecipe[] = [];
    for (let path: string | undefined = locate(nameOrPath); path !== undefined; path = basePath(chain[0]!)) {
      const loaded = await this.#recipe(path);
      if (chain.some((seen) => seen.path === path)) {
        const circle = [...chain.toReversed(), loaded].map(({ recipe }) => recipe.name).join(' -> ');
        throw chain[0]!.file.wrong({ keys: ['from'], text: `the recipes form a circle: ${circle}` });
      }
      chain.unshift(loaded);
    }
    const source = await baseSourceOf(chain[0]!.recipe, chain[0]!.file);
    return source ? chain.map((one) => ({ ...one, source })) : chain;
  }

  #recipe(path: string): Promise<LoadedRecipe> {
    const reading = this.#recipes.get(path) ?? this.#load(path);
    this.#recipes.set(path, reading);
    return reading;
  }

  async #load(path: string): Promise<LoadedRecipe> {
    const { data: raw, file } = await openYaml(path, recipeSchema);
    // An image without packages has no rpm database, and no program to run.
    if (raw.packages.length === 0 && raw.from === undefined)
      throw file.wrong({ keys: ['packages'], text: 'neither packages nor a base (from) are named' });
    const hasSharedRepos = raw.repos.some((repo) => typeof repo === 'string');
    const shared = hasSharedRepos ? await this.#shared(join(dirname(path), 'repos.yaml')) : undefined;
    const definitions = definitionsOf(raw.repos, shared, file);
    if (isConfined())
      refuseUntrusted(
        path,
        raw,
        definitions.map(({ repository }) => repository),
      );
    const repos = await resolveRepositories(definitions, file, raw.release);
    const wrong = wrongPlace(raw);
    if (wrong) throw file.wrong(wrong);
    const recipe = { ...raw, repos };
    const templates = await templatesOf(recipe, file);
    return { recipe, path, file, lockPath: lockPathOf(path), templates };
  }

  /** The shared repositories of a directory, which recipes use by name. */
  #shared(path: string): Promise<SharedRepositories> {
    const reading =
      this.#repositories.get(path) ??
      openYaml(path, repositoriesSchema).then(({ data: { repos }, file }) => ({ repos, file }));
    this.#repositories.set(path, reading);
    return reading;
  }
}

/** Each is filled, so that a mistake in one is found before anything else is done. */
async function templatesOf(recipe: Recipe, file: YamlFile): Promise<Map<string, Template>> {
  const templates = new Map<string, Template>();
  for (const [index, { template }] of recipe.files.entries()) {
    if (template === undefined || templates.has(template)) continue;
    const found = await readTemplate(file.path, template);
    if (!found) {
      const suggestion = nearest(template, templateNames(file.path));
      const text = `there is no ${template} in templates/, here or in the directory above`;
      throw file.wrong({ keys: ['files', index, 'template'], text, suggestion });
    }
    renderTemplate(found, recipe, recipe.arches?.[0] ?? hostArch());
    templates.set(template, found);
  }
  return templates;
}

/** From the path or the name of a recipe file. */
export function lockPathOf(path: string): string {
  return `${path.replace(/\.ya?ml$/, '')}.lock.json`;
}

/** The recipe that `from` names, in the same directory. */
function basePath({ path, recipe: { from }, file }: LoadedRecipe): string | undefined {
  if (typeof from !== 'string') return undefined;
  const base = join(dirname(path), `${from}.yaml`);
  if (existsSync(base)) return locate(base);
  throw file.wrong({
    code: 'RECIPE_NOT_FOUND',
    keys: ['from'],
    text: `there is no recipe ${from} beside this one`,
    suggestion: nearest(from, recipeNames(dirname(path))),
    hint: `Put ${from}.yaml beside the recipe that names it. An image of others is {image: HOST/REPOSITORY:TAG, keys: [FILE]}.`,
  });
}

function locate(nameOrPath: string): string {
  const candidates = [resolve(nameOrPath), resolve('recipes', `${nameOrPath}.yaml`)];
  const found = candidates.find((path) => existsSync(path) && statSync(path).isFile());
  if (found) return found;
  const places = candidates.map(shownPath).join(' and ');
  const suggestion = nearest(basename(nameOrPath, '.yaml'), recipeNames('recipes'));
  throw new MillinerError('RECIPE_NOT_FOUND', `no recipe ${nameOrPath}: looked for ${places}`, {
    ...(suggestion !== undefined && { hint: didYouMean(suggestion), details: { suggestion } }),
  });
}

/** Of files that may be recipes. */
export function recipeNames(directory: string): string[] {
  return globSync('*.yaml', { cwd: directory })
    .filter((file) => !['repos.yaml', 'milliner.yaml'].includes(file))
    .map((file) => basename(file, '.yaml'));
}
