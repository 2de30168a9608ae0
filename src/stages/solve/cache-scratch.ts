/**
 * The one directory that a process which solves may write: it leaves cache files there under numbers, and those that it
 * has written whole are moved to where they are wanted.
 */
import { lstat, mkdtemp, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { AddonInput, AddonOutput, AddonRepository } from './addon.ts';

export class CacheScratch {
  readonly directory: string;
  /** Where the process writes what is wanted at a path. */
  readonly #places = new Map<string, string>();

  private constructor(directory: string) {
    this.directory = directory;
  }

  /** In the directory of the caches, and so on the same file system; undefined if none is wanted. */
  static async beside(input: AddonInput): Promise<CacheScratch | undefined> {
    const [first] = input.repos.flatMap(cachesOf);
    if (first === undefined) return undefined;
    return new CacheScratch(await mkdtemp(join(dirname(first), '.solving-')));
  }

  /** The same request, for a process that can write here alone. */
  inside(input: AddonInput): AddonInput {
    return { ...input, repos: input.repos.map((repo) => this.#withPlaces(repo)) };
  }

  /** The answer, with the wanted paths of the cache files that are there now. */
  async settle(answer: AddonOutput): Promise<AddonOutput> {
    const cached: string[] = [];
    for (const [path, made] of this.#places) {
      if (!answer.cached.includes(made) || !(await lstat(made)).isFile()) continue;
      await rename(made, path);
      cached.push(path);
    }
    return { ...answer, cached };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.directory, { recursive: true });
  }

  #withPlaces(repo: AddonRepository): AddonRepository {
    const { cachePrimary, cacheFilelists } = repo;
    return {
      ...repo,
      ...(cachePrimary !== undefined && { cachePrimary: this.#placeOf(cachePrimary) }),
      ...(cacheFilelists !== undefined && { cacheFilelists: this.#placeOf(cacheFilelists) }),
    };
  }

  #placeOf(path: string): string {
    const place = this.#places.get(path) ?? join(this.directory, String(this.#places.size));
    this.#places.set(path, place);
    return place;
  }
}

export function withoutCaches(repository: AddonRepository): AddonRepository {
  const { cachePrimary: _primary, cacheFilelists: _filelists, ...rest } = repository;
  return rest;
}

export function wantsCache(repository: AddonRepository): boolean {
  return cachesOf(repository).length > 0;
}

function cachesOf({ cachePrimary, cacheFilelists }: AddonRepository): string[] {
  return [cachePrimary, cacheFilelists].filter((path) => path !== undefined);
}
