/** Prepares repositories for the solver: metadata documents, or their cached form in libsolv's own format. */
import type { MetadataRepository } from '../repo/metadata.ts';
import type { OpenedRepository } from '../repo/repository.ts';
import type { AddonRepository } from './addon.ts';
import { findCached, cacheAll, type Cached } from './solv-cache.ts';

const GiB = 1024 ** 3;
/** Decompressed bytes: several times those of Fedora's largest repository. */
const primaryLimit = GiB;
const filelistsLimit = 8 * GiB;

export interface PreparedRepositories {
  repos: AddonRepository[];
  /** Call it with the cache files that the solver has written. */
  cache: (written: readonly string[]) => Promise<void>;
}

/** Cache files that were looked for already, by the document whose data they have. */
export type KnownCaches = Map<string, Promise<Cached>>;

export async function prepare(
  repositories: readonly OpenedRepository[],
  withFilelists: boolean,
  known: KnownCaches = new Map(),
): Promise<PreparedRepositories> {
  const repos: AddonRepository[] = [];
  const cached: Cached[] = [];
  for (const repository of repositories) {
    const { name, definition } = repository;
    const { priority = 99, cost = 1000, exclude, include = [], moduleHotfixes = false } = definition;
    const common = { name, priority, cost, exclude, include, moduleHotfixes };
    if (repository.kind === 'rpms') {
      repos.push({ ...common, kind: 'rpms', files: repository.files });
    } else {
      const found = await prepareMetadata(repository, withFilelists, known);
      repos.push({ ...common, ...found.metadata });
      cached.push(...found.cached);
    }
  }
  return { repos, cache: (written) => cacheAll(cached, written) };
}

async function prepareMetadata(repository: MetadataRepository, withFilelists: boolean, known: KnownCaches) {
  const { primary, openSizes } = repository;
  const filelists = withFilelists ? await repository.filelists() : undefined;
  const find = (...documents: string[]) => {
    const found = known.get(documents.at(-1)!) ?? findCached(documents);
    known.set(documents.at(-1)!, found);
    return found;
  };
  const cachedPrimary = await find(primary);
  // Cached file lists refer to packages by their position in the primary metadata.
  const cachedFilelists = filelists === undefined ? undefined : await find(primary, filelists);
  return {
    metadata: {
      kind: 'repomd' as const,
      primary,
      primaryLimit: Math.min(primaryLimit, openSizes?.primary ?? primaryLimit),
      primarySolv: cachedPrimary.temporary === undefined ? cachedPrimary.path : undefined,
      cachePrimary: cachedPrimary.temporary,
      filelists,
      filelistsLimit: Math.min(filelistsLimit, openSizes?.filelists ?? filelistsLimit),
      filelistsSolv: cachedFilelists?.temporary === undefined ? cachedFilelists?.path : undefined,
      cacheFilelists: cachedFilelists?.temporary,
    },
    cached: cachedFilelists ? [cachedPrimary, cachedFilelists] : [cachedPrimary],
  };
}
