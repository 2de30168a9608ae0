/** The repositories of a recipe: names are looked up, and relative paths are resolved. */
import { dirname, isAbsolute, resolve } from 'node:path';
import { MillinerError } from '../../lib/errors/error.ts';
import { isBeneath, rootOf } from '../../lib/host/beneath.ts';
import { checkKeyFile, placeOf } from './recipe-files.ts';
import type { Repository } from './schema.ts';

/** Looks up repositories that are given by name in `shared`. Throws RECIPE_INVALID. */
export function definitionsOf(
  repos: (string | Repository)[],
  shared: readonly Repository[],
  path: string,
): Repository[] {
  return repos.map((repo) => {
    if (typeof repo !== 'string') return repo;
    const match = shared.find(({ name }) => name === repo);
    if (match) return match;
    throw new MillinerError(
      'RECIPE_INVALID',
      `${path}: repos: ${repo} is not defined in ${dirname(path)}/repos.yaml`,
    );
  });
}

/** Throws RECIPE_INVALID, FILE_OUTSIDE. */
export async function resolveRepositories(
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
