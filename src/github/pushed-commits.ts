/** The commits of recipes that GitHub has: one that was not pushed can have no status. */
import { z } from 'zod';
import { MillinerError } from '../lib/errors/error.ts';
import type { SetMember } from '../stages/recipe/load-set.ts';
import type { Github } from './github-api.ts';
import { recipeCommit } from './recipe-commit.ts';

const commitSchema = z.object({ sha: z.string().max(64) });
const repositorySchema = z.object({ full_name: z.string().max(200) });
/** Names of recipes in the error; all of them are in its details. */
const maxNames = 10;

export interface PushedCommits {
  /** By name of the recipe. */
  commits: Map<string, string>;
  /** Recipes without one. */
  missing: string[];
}

export async function pushedCommits(
  github: Github,
  members: readonly SetMember[],
  signal: AbortSignal | undefined,
): Promise<PushedCommits> {
  // GitHub answers 404 for a repository that it hides, and no commit would seem to be there.
  await github.ask(repositorySchema, ({ rest }, at) => rest.repos.get(at));
  const known = new Map<string, Promise<unknown>>();
  const commits = new Map<string, string>();
  const missing: string[] = [];
  for (const { loaded } of members) {
    const { name } = loaded.recipe;
    const commit = await recipeCommit(loaded.path, signal);
    const isThere = commit !== undefined && (await lookUp(github, commit, known)) !== undefined;
    if (isThere) commits.set(name, commit);
    else missing.push(name);
  }
  return { commits, missing };
}

/** Recipes often share a commit. */
function lookUp(github: Github, sha: string, known: Map<string, Promise<unknown>>): Promise<unknown> {
  const asked =
    known.get(sha) ??
    github.find(commitSchema, ({ rest }, at) => rest.git.getCommit({ ...at, commit_sha: sha }));
  known.set(sha, asked);
  return asked;
}

export function commitMissing(recipes: readonly string[]): MillinerError {
  const names = `${recipes.slice(0, maxNames).join(', ')}${recipes.length > maxNames ? ', ...' : ''}`;
  return new MillinerError(
    'GITHUB_COMMIT_MISSING',
    `no commit on GitHub has these recipes as they are: ${names}`,
    {
      details: { recipes },
    },
  );
}
