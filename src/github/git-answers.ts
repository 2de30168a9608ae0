/** What GitHub's answers about git and pull requests hold, as far as it is used. */
import { z } from 'zod';

/** SHA-1, or SHA-256 in repositories to come. */
const shaSchema = z.string().regex(/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/);
const name = z.string().max(1000);

export const repositorySchema = z.object({
  default_branch: name,
  private: z.boolean(),
  permissions: z.record(z.string().max(64), z.boolean()).optional(),
});

export const refSchema = z.object({ ref: name, object: z.object({ sha: shaSchema }) });
export const shaAnswer = z.object({ sha: shaSchema });

export const commitSchema = z.object({
  sha: shaSchema,
  tree: shaAnswer,
  parents: z.array(shaAnswer).max(100),
});

const entrySchema = z.object({ path: z.string().max(4096), type: name, sha: shaSchema });
export const treeSchema = z.object({
  // GitHub cuts longer ones, and says so.
  tree: z.array(entrySchema).max(100_000),
  truncated: z.literal(false),
});

export const pullSchema = z.object({
  number: z.int().positive(),
  html_url: z.url().max(4096),
  title: z.string().max(1024),
  body: z.string().max(300_000).nullable(),
  head: z.object({ ref: name, sha: shaSchema }),
  base: z.object({ ref: name }),
  labels: z.array(z.object({ name })).max(1000),
  merged_at: z.string().max(64).nullish(),
});
export type PullAnswer = z.output<typeof pullSchema>;

/** Of one pull request alone, not of a list. */
export const pullCommitsSchema = z.object({ commits: z.int().nonnegative() });
