/** What a release set says of its repository on GitHub. */
import { z } from 'zod';

/** The API, to which the credentials are sent. */
const url = z
  .url({ protocol: /^https?$/, error: 'an http or https URL' })
  .max(4096)
  .refine((text) => !/\/\/[^/]*@|[?#]/.test(text), { error: 'the URL has a user, password or query in it' });

/** GitHub's own bounds; a comma separates labels in its queries. */
const label = z
  .string()
  .max(50)
  .regex(/^[^\s,\p{Cc}](?:[^,\p{Cc}]*[^\s,\p{Cc}])?$/u, 'a label without a comma');

export const githubSchema = z.strictObject({
  repository: z
    .string()
    .max(140)
    .regex(/^[A-Za-z0-9-]{1,39}\/[A-Za-z0-9._-]{1,100}$/, 'a repository as OWNER/NAME'),
  /** Default: github.com's. */
  url: url.optional(),
  pulls: z.boolean().default(true),
  releases: z.boolean().default(true),
  statuses: z.boolean().default(true),
  issues: z.boolean().default(true),
  /** Of pull requests and issues. */
  labels: z.array(label).max(20).default(['milliner']),
  /** How a pull request is merged by itself when its lock has booted; not at all without it. */
  automerge: z.enum(['merge', 'squash', 'rebase']).optional(),
});
