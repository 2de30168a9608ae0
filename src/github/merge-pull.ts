/** Merges a pull request whose lock has booted here: the very commit, and not what was pushed to the branch since. */
import { z } from 'zod';
import { MillinerError } from '../lib/errors/error.ts';
import type { StateContext } from '../pipeline/state/context.ts';
import type { Github } from './github-api.ts';
import type { SyncedPull } from './sync-pull.ts';

const mergedSchema = z.object({ merged: z.boolean() });

/** Whether it is merged. Rules of the repository may demand more, such as a review: then it stays open. */
export async function mergePull(
  { github, context }: { github: Github; context: Pick<StateContext, 'progress'> },
  { number, head }: Pick<SyncedPull, 'number' | 'head'>,
  method: 'merge' | 'squash' | 'rebase',
): Promise<boolean> {
  if (number === undefined || head === undefined) return false;
  try {
    const { merged } = await github.ask(mergedSchema, ({ rest }, at) =>
      rest.pulls.merge({ ...at, pull_number: number, sha: head, merge_method: method }),
    );
    return merged;
  } catch (error) {
    if (!(error instanceof MillinerError) || error.code !== 'GITHUB_CONFLICT') throw error;
    context.progress.warn(`the pull request ${number} is not merged: ${error.message}`);
    return false;
  }
}
