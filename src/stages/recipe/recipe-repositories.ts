/** The repositories of a recipe: names are looked up, and relative paths are resolved. */
import { basename, dirname, isAbsolute, resolve } from 'node:path';
import { MillinerError } from '../../lib/errors/error.ts';
import { isBeneath, rootOf } from '../../lib/host/beneath.ts';
import { nearest } from '../../lib/yaml/nearest.ts';
import type { YamlFile } from '../../lib/yaml/yaml-file.ts';
import { placeOf, wrongKeyFile } from './recipe-files.ts';
import type { Repository } from './schema.ts';

/** Of repos.yaml, or of the recipe itself. */
export interface Definition {
  repository: Repository;
  file: YamlFile;
  /** Where the file has it. */
  keys: readonly (string | number)[];
}

export interface SharedRepositories {
  repos: readonly Repository[];
  file: YamlFile;
}

/** Looks up repositories that are given by name in `shared`. Throws RECIPE_INVALID. */
export function definitionsOf(
  repos: readonly (string | Repository)[],
  shared: SharedRepositories | undefined,
  file: YamlFile,
): Definition[] {
  return repos.map((repo, index) => {
    const keys = ['repos', index];
    if (typeof repo !== 'string') return { repository: repo, file, keys };
    const names = shared?.repos.map(({ name }) => name) ?? [];
    const at = names.indexOf(repo);
    if (shared && at >= 0) return { repository: shared.repos[at]!, file: shared.file, keys: ['repos', at] };
    const suggestion = nearest(repo, names);
    const note = suggestion === undefined ? `repos.yaml defines ${names.join(', ') || 'none'}` : undefined;
    throw file.wrong({ keys, text: `repos.yaml defines no repository ${repo}`, suggestion, note });
  });
}

/** Throws RECIPE_INVALID, FILE_OUTSIDE. */
export async function resolveRepositories(
  meant: readonly Definition[],
  recipe: YamlFile,
  release: string | undefined,
): Promise<Repository[]> {
  const found: Repository[] = [];
  for (const [index, { repository, file, keys }] of meant.entries()) {
    if (found.some(({ name }) => name === repository.name))
      throw recipe.wrong({ keys: ['repos', index], text: `${repository.name} is there twice` });
    const repo = await placed(repository, recipe.path, release);
    if (repo.keys.length === 0 && (repo.gpgcheck || repo.repoGpgcheck)) {
      throw file.wrong({
        keys: [...keys, 'keys'],
        text: `${repo.name} has no key for release ${release}`,
        hint: 'Add the key of that release, with its fingerprint, to the repository.',
      });
    }
    for (const key of repo.keys) {
      const wrong = await wrongKeyFile(key.file);
      const at = repository.keys.findIndex((one) => basename(one.file) === basename(key.file));
      if (wrong) throw file.wrong({ keys: [...keys, 'keys', ...(at < 0 ? [] : [at])], ...wrong });
    }
    found.push(repo);
  }
  return found;
}

/** Resolves key files, certificates and plain directories relative to the file that names them. Throws FILE_OUTSIDE. */
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
    // Fedora signs each release with another key, whose file is named after the release.
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

/** Takes the path as text: its links are checked later, once its variables have values. */
function directoryBeneath(root: string, url: string, path: string): string {
  const place = resolve(dirname(path), url);
  if (isBeneath(root, place)) return place;
  throw new MillinerError('FILE_OUTSIDE', `${path}: repos: ${url} points outside of ${root}`, {
    details: { root, path: url },
  });
}
