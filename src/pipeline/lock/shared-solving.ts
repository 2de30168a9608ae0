/**
 * Solves for plans: one process for all recipes, and installed packages by the digests that their repositories give.
 * So a plan downloads no package, but for one that a lock has and no repository has any more.
 */
import { isDigest } from '../../lib/oci/digest.ts';
import type { LockedPackage } from '../../stages/lock/lock-file.ts';
import type { LoadedRecipe } from '../../stages/recipe/load.ts';
import type { AddonInput, AddonOutput } from '../../stages/solve/addon.ts';
import { SolverSession } from '../../stages/solve/session.ts';
import { fetchLocked } from '../packages/fetch.ts';
import type { StateContext } from '../state/context.ts';
import type { Sharing } from '../state/sharing.ts';

type Files = NonNullable<Sharing['planning']>['files'];

/** Runs fn with a context whose repositories and solver are shared; they end with it. */
export async function withSharing<T>(
  context: StateContext,
  fn: (shared: StateContext) => Promise<T>,
): Promise<T> {
  await using session = new SolverSession({ signal: context.signal });
  const files: Files = new Map();
  const sharing: Sharing = {
    signal: context.signal,
    repositories: new Map(),
    planning: { knownCaches: new Map(), files, solve: (input) => solveWith(session, files, input) },
  };
  return await fn({ ...context, sharing });
}

async function solveWith(session: SolverSession, files: Files, input: AddonInput): Promise<AddonOutput> {
  const output = await session.solve(input);
  if (!output.missing) return output;
  const found = new Map<string, string>();
  for (const digest of output.missing) {
    const fetch = isDigest(digest) ? files.get(digest) : undefined;
    if (!fetch) throw new Error(`the solver lacks ${digest}, for which it was not asked`);
    found.set(digest, await fetch());
  }
  const placed = (words: readonly string[]) => words.map((word) => found.get(word) ?? word);
  return session.solve({ ...input, installed: placed(input.installed), kept: placed(input.kept ?? []) });
}

/** For the locks of a planned night: they are solved with the metadata that was planned with, and no server is asked again. */
export function afterPlanning(shared: StateContext): StateContext {
  return { ...shared, sharing: shared.sharing && { ...shared.sharing, planning: undefined } };
}

/** What the solver reads installed packages from, by SHA-256: their files, or in a plan their digests. */
export async function installedFiles(
  context: StateContext,
  loaded: LoadedRecipe,
  arch: string,
  packages: readonly LockedPackage[],
): Promise<Map<string, string>> {
  const planning = context.sharing?.planning;
  if (!planning) return fetchLocked(context, loaded, arch, packages);
  return new Map(
    packages.map((one) => {
      const digest = `sha256:${one.sha256}` as const;
      planning.files.set(digest, async () => {
        context.progress.step(`fetching ${one.nevra}, which no repository has any more`);
        return (await fetchLocked(context, loaded, arch, [one])).get(one.sha256)!;
      });
      return [one.sha256, digest];
    }),
  );
}
