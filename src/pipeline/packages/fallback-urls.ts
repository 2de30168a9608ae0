/**
 * Other locations of a locked package. A lock has the one URL that answered when it was made. The repository may have
 * moved since, and it has other mirrors. A package from there must have the same digest.
 */
import type { LockedPackage } from '../../stages/lock/lock-file.ts';
import type { LoadedRecipe } from '../../stages/recipe/load.ts';
import type { StateContext } from '../state/context.ts';
import { openOne } from './repositories.ts';

/**
 * URLs, best first; none if the recipe does not have the package's repository. Throws what opening the repository
 * throws.
 */
export type FallbackUrls = (one: LockedPackage) => Promise<string[]>;

/** Opens each repository once, and only when it is needed. */
export function fallbackUrls(context: StateContext, { recipe }: LoadedRecipe, arch: string): FallbackUrls {
  const opened = new Map<string, Promise<readonly URL[]>>();
  const basesOf = async (repo: string) => {
    const definition = recipe.repos.find(({ name }) => name === repo);
    if (!definition) return [];
    context.progress.step(`opening repository ${repo}: a package cannot be had from where it was looked for`);
    return (await openOne(context, recipe, definition, arch)).bases;
  };
  return async ({ repo, location }) => {
    if (location === undefined) return [];
    if (!opened.has(repo)) opened.set(repo, basesOf(repo));
    return (await opened.get(repo)!).flatMap((base) => locationBelow(base, location) ?? []);
  };
}

/** The part of a package's URL behind its base: it stays the same when a repository moves. */
export function locationIn(bases: readonly URL[], url: string): string | undefined {
  const base = bases.find(({ href }) => url.startsWith(href));
  return base && url.slice(base.href.length);
}

function locationBelow(base: URL, location: string): string | undefined {
  const { href } = new URL(location, base);
  return href.startsWith(base.href) ? href : undefined;
}
