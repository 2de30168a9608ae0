/**
 * Issues that open and close by themselves: one for the night of a set, one for each recipe that fails. They are found by
 * a label, which only those who may triage can put on an issue, and by their exact title. No text decides anything.
 */
import { z } from 'zod';
import { MillinerError } from '../lib/errors/error.ts';
import type { Github } from './github-api.ts';
import { sameText } from './same-text.ts';

/** Whatever else a set asks for. */
export const failureLabel = 'milliner-failure';

export interface FailureIssue {
  title: string;
  body: string;
  labels: readonly string[];
}

export interface WantedIssues {
  /** Titles of what works again, and of what is gone: an open issue is closed. */
  mended: ReadonlySet<string>;
  failing: readonly FailureIssue[];
}

const issueSchema = z.object({
  number: z.int(),
  title: z.string().max(4096),
  body: z.string().nullish(),
  state: z.enum(['open', 'closed']),
  labels: z
    .array(z.union([z.string().max(1000), z.object({ name: z.string().max(1000).nullish() })]))
    .max(1000),
  pull_request: z.object({}).nullish(),
});
type Found = z.infer<typeof issueSchema>;

/** Each recipe has one at most, whatever the number of its failures. */
const maxIssues = 20_000;

export async function ensureIssues(github: Github, { mended, failing }: WantedIssues): Promise<void> {
  const there = await presentIssues(github);
  for (const wanted of failing) {
    const found = there.get(wanted.title);
    if (!found) await openIssue(github, wanted);
    else if (found.state === 'closed' || !sameText(found.body, wanted.body))
      await change(github, found.number, { body: wanted.body, state: 'open' });
  }
  for (const title of mended) {
    const found = there.get(title);
    if (found?.state === 'open')
      await change(github, found.number, { state: 'closed', state_reason: 'completed' });
  }
}

/** Of several of one title the open one, then the newest. */
async function presentIssues(github: Github): Promise<Map<string, Found>> {
  const query = { labels: failureLabel, state: 'all' };
  const issues = await github.list(issueSchema, '/repos/{owner}/{repo}/issues', query, maxIssues);
  const found = new Map<string, Found>();
  for (const issue of issues.toSorted((a, b) => a.number - b.number)) {
    if (issue.pull_request || !hasLabel(issue)) continue;
    const other = found.get(issue.title);
    if (other?.state !== 'open' || issue.state === 'open') found.set(issue.title, issue);
  }
  return found;
}

const hasLabel = ({ labels }: Found) =>
  labels.some((label) => (typeof label === 'string' ? label : label.name) === failureLabel);

async function openIssue(github: Github, { title, body, labels }: FailureIssue): Promise<void> {
  const all = [...new Set([failureLabel, ...labels])];
  const created = await github.ask(issueSchema, ({ rest }, at) =>
    rest.issues.create({ ...at, title, body, labels: all }),
  );
  // GitHub drops labels of those who may not set them, and the next night would not find the issue.
  if (!hasLabel(created))
    throw new MillinerError(
      'GITHUB_DENIED',
      `issue ${created.number} has not got the label ${failureLabel}`,
      {
        hint: `Give the credentials write access to issues, put the label ${failureLabel} on the issue, or close it.`,
      },
    );
}

async function change(github: Github, issue_number: number, fields: object): Promise<void> {
  await github.ask(issueSchema, ({ rest }, at) => rest.issues.update({ ...at, issue_number, ...fields }));
}
