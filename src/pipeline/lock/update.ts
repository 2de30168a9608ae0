/** lock --update NAME: what the last lock has stays as it is, but for what was asked for and what that needs. */
import { MillinerError } from '../../lib/errors/error.ts';
import { matchesGlob } from '../../lib/host/glob.ts';
import { nevraText, readPackage } from '../../lib/rpm/package.ts';
import { ownPackages, sourceNameOf, type Lock, type LockedPackage } from '../../stages/lock/lock-file.ts';
import type { LoadedRecipe } from '../../stages/recipe/load.ts';
import type { Solution, SolveRequest } from '../../stages/solve/solve.ts';
import type { StateContext } from '../state/context.ts';
import { installedFiles } from './shared-solving.ts';

/** Packages of the last lock, as the solver takes them. */
export interface Unchanged {
  packages: LockedPackage[];
  solver: NonNullable<SolveRequest['kept']>;
  /** Build time of each, in seconds, by NEVRA; of none in a plan, which reads no headers. */
  built: Map<string, number>;
}

/** Whether a package of the last lock may move. */
export type Moves = (one: LockedPackage) => boolean;

/** A package that no repository has any more stays, as long as its file is in reach. Throws REPO_UNAVAILABLE naming it. */
export async function unchangedPackages(
  context: StateContext,
  loaded: LoadedRecipe,
  arch: string,
  packages: LockedPackage[],
  moves: Moves,
): Promise<Unchanged> {
  const files = await installedFiles(context, loaded, arch, packages);
  const paths = packages.map(({ sha256 }) => files.get(sha256)!);
  const headers = context.sharing?.planning ? [] : await Promise.all(paths.map((path) => readPackage(path)));
  const moving = packages.filter(moves);
  return {
    packages,
    solver: { files: paths, update: [...new Set(moving.map(({ name }) => name))] },
    built: new Map(headers.map(({ nevra, buildTime }) => [nevra, buildTime])),
  };
}

/** Those of the last lock that are in the answer too. */
export function remaining(unchanged: Unchanged | undefined, { removed }: Solution): LockedPackage[] {
  const gone = new Set(removed.map(nevraText));
  return (unchanged?.packages ?? []).filter(({ nevra }) => !gone.has(nevra));
}

/** A name, a glob or a NEVRA. */
export function matchesWord(word: string, { name, nevra }: LockedPackage): boolean {
  return nevra === word || matchesGlob(word, name);
}

/** A word of --update or of a hold: a name or glob, of packages or of source packages. */
export function isMeant(word: string, one: LockedPackage): boolean {
  return matchesGlob(word, one.name) || matchesGlob(word, sourceNameOf(one));
}

/** A word that means nothing is a mistake, not a lock without changes. Throws PACKAGE_NOT_FOUND. */
export function checkMeant(words: readonly string[], locks: (Lock | undefined)[], path: string): void {
  const arches = locks.flatMap((lock) => Object.values(lock?.arches ?? {}));
  for (const word of words) {
    const own = arches.flatMap((answer) => [
      ...ownPackages(answer),
      ...(Array.isArray(answer.tools) ? answer.tools : []),
    ]);
    if (own.some((one) => isMeant(word, one))) continue;
    const ofBase = arches.some(({ packages }) => packages.some((one) => isMeant(word, one)));
    throw new MillinerError(
      'PACKAGE_NOT_FOUND',
      `${path}: ${ofBase ? `${word} comes with the base` : `it has no package ${word}`}`,
      {
        ...(ofBase && { hint: "Update the base's lock, then lock this recipe again." }),
        details: { package: word },
      },
    );
  }
}
