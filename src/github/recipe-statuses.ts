/** The status of a recipe's commit: whether its image is published. Contexts are by set and recipe. */
import { z } from 'zod';
import { hexOf } from '../lib/oci/digest.ts';
import type { ImageReport, Outcome } from '../stages/report/night-report.ts';
import type { Github } from './github-api.ts';

type State = 'success' | 'failure' | 'error' | 'pending';

export interface RecipeStatus {
  commit: string;
  context: string;
  state: State;
  description: string;
  /** The page of the release. */
  url?: string | undefined;
}

const states: Record<Outcome, State> = {
  published: 'success',
  unchanged: 'success',
  failed: 'failure',
  quarantined: 'failure',
  skipped: 'error',
  held: 'pending',
};

/** GitHub takes 140 characters. */
const maxDescriptionLength = 140;

/** Undefined for an image of which nothing was ever published, and nothing failed. */
export function statusOf(
  set: string,
  image: ImageReport,
  at: { commit: string; url?: string | undefined },
): RecipeStatus | undefined {
  const description = descriptionOf(image);
  if (description === undefined) return undefined;
  const context = `milliner/${set}/${image.recipe}`;
  return { ...at, context, state: states[image.outcome], description };
}

/** Codes and digests alone: a message could be of a package. */
function descriptionOf({ outcome, digest, failure }: ImageReport): string | undefined {
  if (outcome === 'published' || outcome === 'unchanged')
    return digest && `published as ${hexOf(digest).slice(0, 12)}`;
  return `${outcome}${failure ? `: ${failure.code}` : ''}`.slice(0, maxDescriptionLength);
}

const combinedSchema = z.object({
  total_count: z.int().nonnegative(),
  statuses: z
    .array(
      z.object({
        context: z.string().max(4096),
        state: z.string().max(100),
        description: z.string().max(4096).nullable(),
      }),
    )
    .max(100),
});
type Present = z.infer<typeof combinedSchema>['statuses'][number];

/** A commit may have a thousand statuses of each context. */
const maxPages = 100;
const createdSchema = z.object({ context: z.string().max(4096) });

/** Those that differ from the newest of their context. All are of one commit. */
export async function ensureStatuses(github: Github, wanted: readonly RecipeStatus[]): Promise<void> {
  const [first] = wanted;
  if (!first) return;
  const there = await presentStatuses(github, first.commit);
  for (const { commit, context, state, description, url } of wanted) {
    const found = there.get(context);
    if (found?.state === state && found.description === description) continue;
    await github.ask(createdSchema, ({ rest }, at) =>
      rest.repos.createCommitStatus({
        ...at,
        sha: commit,
        context,
        state,
        description,
        ...(url !== undefined && { target_url: url }),
      }),
    );
  }
}

/** The newest of each context. */
async function presentStatuses(github: Github, ref: string): Promise<Map<string, Present>> {
  const found = new Map<string, Present>();
  for (let page = 1; page <= maxPages; page++) {
    const { total_count, statuses } = await github.ask(combinedSchema, ({ rest }, at) =>
      rest.repos.getCombinedStatusForRef({ ...at, ref, per_page: 100, page }),
    );
    for (const status of statuses) found.set(status.context, status);
    if (statuses.length === 0 || found.size >= total_count) break;
  }
  return found;
}
