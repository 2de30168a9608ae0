/** A recipe file, its repositories looked up and its key files and templates found. */
import { existsSync, statSync } from 'node:fs';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { MillinerError } from '../../lib/errors/error.ts';
import { isBeneath, rootOf } from '../../lib/host/beneath.ts';
import { isConfined } from '../../lib/http/reach.ts';
import { baseSourceOf, type BaseSource } from './base-source.ts';
import { checkPlaces } from './placed-paths.ts';
import { checkKeyFile, placeOf, readTemplate } from './recipe-files.ts';
import { recipeSchema, repositoriesSchema, type Recipe, type Repository } from './schema.ts';
import { refuseUntrusted } from './untrusted.ts';
import { readYaml } from './yaml.ts';

export interface LoadedRecipe {
  recipe: Recipe;
  /** Absolute path of the recipe file. */
  path: string;
  /** Where its lock stands: the file's name with .lock.json for .yaml. */
  lockPath: string;
  /** What the lowest recipe of its chain stands on, where that is no recipe. */
  source?: BaseSource;
}

/** Takes a path, or the name of a file in ./recipes. */
async function loadRecipe(nameOrPath: string): Promise<LoadedRecipe> {
  const path = locate(nameOrPath);
  const raw = await readYaml(path, recipeSchema);
  // An image of nothing has no rpm database, and nothing to run.
  if (raw.packages.length === 0 && raw.from === undefined)
    throw new MillinerError('RECIPE_INVALID', `${path}: packages: name at least one, or a base with from`);
  const meant = await meantBy(raw.repos, path);
  if (isConfined()) refuseUntrusted(path, raw, meant);
  const repos = await resolveRepositories(meant, path, raw.release);
  checkPlaces(path, raw);
  for (const { template } of raw.files) if (template !== undefined) await readTemplate(path, template);
  return { recipe: { ...raw, repos }, path, lockPath: lockPathOf(path) };
}

/** For the path or the name of a recipe file. */
export function lockPathOf(path: string): string {
  return `${path.replace(/\.ya?ml$/, '')}.lock.json`;
}

/** The recipe that `from` names: it stands beside the one that names it. */
async function loadBase(loaded: LoadedRecipe): Promise<LoadedRecipe | undefined> {
  const { from } = loaded.recipe;
  if (typeof from !== 'string') return undefined;
  const path = join(dirname(loaded.path), `${from}.yaml`);
  if (!existsSync(path)) {
    throw new MillinerError('RECIPE_NOT_FOUND', `${loaded.path}: from: ${from}: there is no ${path}`, {
      hint: `Put the recipe ${from}.yaml beside the one that is built on it.`,
    });
  }
  return loadRecipe(path);
}

/** A recipe and its bases, lowest first; a circle is an error. */
export async function loadChain(nameOrPath: string): Promise<LoadedRecipe[]> {
  const chain: LoadedRecipe[] = [];
  for (let next: LoadedRecipe | undefined = await loadRecipe(nameOrPath); next; next = await loadBase(next)) {
    const { path } = next;
    if (chain.some((seen) => seen.path === path)) {
      const circle = [...chain.map((seen) => seen.recipe.name), next.recipe.name].join(' -> ');
      throw new MillinerError('RECIPE_INVALID', `${path}: from: goes in a circle: ${circle}`);
    }
    chain.push(next);
  }
  const [lowest] = chain.slice(-1);
  const source = await baseSourceOf(lowest!.recipe, lowest!.path);
  return chain.toReversed().map((one) => ({ ...one, ...(source && { source }) }));
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

/** Those that are called by a name stand in repos.yaml, beside the recipe. */
async function meantBy(repos: (string | Repository)[], path: string): Promise<Repository[]> {
  const directory = dirname(path);
  const shared = repos.some((repo) => typeof repo === 'string') ? await sharedRepositories(directory) : [];
  return repos.map((repo) => {
    if (typeof repo !== 'string') return repo;
    const match = shared.find(({ name }) => name === repo);
    if (match) return match;
    throw new MillinerError(
      'RECIPE_INVALID',
      `${path}: repos: ${repo} is not defined in ${directory}/repos.yaml`,
    );
  });
}

async function resolveRepositories(
  meant: readonly Repository[],
  path: string,
  release: string | undefined,
): Promise<Repository[]> {
  const found: Repository[] = [];
  for (const repo of meant) found.push(await placed(repo, path, release));
  const names = new Set(found.map((repo) => repo.name));
  if (names.size < found.length)
    throw new MillinerError('RECIPE_INVALID', `${path}: repos: a name occurs twice`);
  for (const repo of found) {
    if (repo.keys.length === 0 && (repo.gpgcheck || repo.repoGpgcheck)) {
      throw new MillinerError(
        'RECIPE_INVALID',
        `${path}: repos: ${repo.name}: no key for release ${release}`,
        {
          hint: 'Add the key of that release, with its fingerprint, to the repository.',
        },
      );
    }
    for (const { file } of repo.keys) await checkKeyFile(file, path, repo.name);
  }
  return found;
}

async function sharedRepositories(directory: string): Promise<Repository[]> {
  const { repos } = await readYaml(join(directory, 'repos.yaml'), repositoriesSchema);
  return repos;
}

/** Key files, certificates and plain directories are given relative to the file that names them. Throws FILE_OUTSIDE. */
async function placed(repo: Repository, path: string, release: string | undefined): Promise<Repository> {
  const { baseurl } = repo;
  const certificates: Partial<Repository> = {};
  for (const field of ['sslCaCert', 'sslClientCert', 'sslClientKey'] as const) {
    const file = repo[field];
    if (file !== undefined) certificates[field] = await placeOf(path, file);
  }
  const keys: Repository['keys'] = [];
  for (const key of repo.keys) {
    if (key.release !== undefined && key.release !== release) continue;
    // Fedora signs each release with a key of its own, and names the file after it.
    const file = await placeOf(path, key.file.replaceAll('$releasever', release ?? '$releasever'));
    keys.push({ file, ...(key.fingerprint !== undefined && { fingerprint: key.fingerprint }) });
  }
  const root = rootOf(path);
  const directory = (url: string) => (isRelative(url) ? directoryBeneath(root, url, path) : url);
  return {
    ...repo,
    ...(baseurl !== undefined && {
      baseurl: Array.isArray(baseurl) ? baseurl.map(directory) : directory(baseurl),
    }),
    ...([baseurl ?? []].flat().some(isRelative) && { root }),
    ...certificates,
    keys,
  };
}

const isRelative = (url: string) => !/^[a-z][a-z0-9+.-]*:/i.test(url) && !isAbsolute(url);

/** By its words: which links are on the way shows once its variables are filled in. */
function directoryBeneath(root: string, url: string, path: string): string {
  const place = resolve(dirname(path), url);
  if (isBeneath(root, place)) return place;
  throw new MillinerError('FILE_OUTSIDE', `${path}: repos: ${url} leads out of ${root}`, {
    details: { root, path: url },
  });
}
