/**
 * Brings the pull request of one branch to what is proposed, and writes nothing where it is so already. What a pull request
 * says is never read for a decision: its branch, which only those can push to who may write to the repository, is.
 */
import { z } from 'zod';
import { commitFiles, isCurrent, type BaseCommit, type WantedCommit } from './branch-commit.ts';
import { pullCommitsSchema, pullSchema, type PullAnswer } from './git-answers.ts';
import type { GitReader } from './git-reader.ts';
import type { Github } from './github-api.ts';
import { sameText } from './same-text.ts';

export interface WantedPull extends WantedCommit {
  title: string;
  body: string;
  labels: readonly string[];
}

/**
 * `declined`: a person has closed it, and its branch is still there. `edited`: others have pushed to its branch. Neither is
 * touched.
 */
export type PullOutcome = 'opened' | 'updated' | 'unchanged' | 'declined' | 'edited' | 'closed';

export interface SyncedPull {
  outcome: PullOutcome;
  number?: number;
  url?: string;
  /** Commit of the branch; absent where there is none. */
  head?: string;
}

export interface SyncTarget {
  github: Github;
  reader: GitReader;
  base: BaseCommit;
}

/** @param head commit of the branch, if it is there */
export async function syncPull(
  target: SyncTarget,
  wanted: WantedPull,
  head: string | undefined,
): Promise<SyncedPull> {
  const { github, reader, base } = target;
  const open = head === undefined ? undefined : await findPull(github, wanted.branch, 'open');
  if (open && (await isEdited(github, open))) return of(open, 'edited', head);
  const isThere = head !== undefined && (await isCurrent(reader, base, head, wanted));
  if (isThere && !open && (await isDeclined(github, wanted.branch, head)))
    return { outcome: 'declined', head };
  const commit = isThere ? head : await commitFiles(github, reader, base, wanted, head === undefined);
  const pull = open ?? (await openPull(github, base, wanted));
  const isEqual = open === undefined || !(await updatePull(github, base, wanted, open));
  const hasLabels = await addLabels(github, pull, wanted.labels);
  if (!open) return of(pull, 'opened', commit);
  return of(pull, isThere && isEqual && hasLabels ? 'unchanged' : 'updated', commit);
}

/** Closes the pull request of a branch for which nothing is proposed any more, and removes the branch. */
export async function closePull({ github }: SyncTarget, branch: string, head: string): Promise<SyncedPull> {
  const open = await findPull(github, branch, 'open');
  if (open && (await isEdited(github, open))) return of(open, 'edited', head);
  if (open)
    await github.ask(pullSchema, ({ rest }, at) =>
      rest.pulls.update({ ...at, pull_number: open.number, state: 'closed' }),
    );
  await github.answer(({ rest }, at) => rest.git.deleteRef({ ...at, ref: `heads/${branch}` }));
  return open ? of(open, 'closed', undefined) : { outcome: 'closed' };
}

const of = ({ number, html_url: url }: PullAnswer, outcome: PullOutcome, head?: string): SyncedPull => ({
  outcome,
  number,
  url,
  ...(head !== undefined && { head }),
});

/** The newest; a fork's branch of the same name is of another owner. */
async function findPull(
  github: Github,
  branch: string,
  state: 'open' | 'closed',
): Promise<PullAnswer | undefined> {
  const head = `${github.repository.owner}:${branch}`;
  const found = await github.ask(z.array(pullSchema).max(100), ({ rest }, at) =>
    rest.pulls.list({ ...at, head, state, sort: 'created', direction: 'desc', per_page: 5 }),
  );
  return found.find((one) => one.head.ref === branch);
}

/** A commit of another person would be lost. */
async function isEdited(github: Github, { number }: PullAnswer): Promise<boolean> {
  const { commits } = await github.ask(pullCommitsSchema, ({ rest }, at) =>
    rest.pulls.get({ ...at, pull_number: number }),
  );
  return commits > 1;
}

async function isDeclined(github: Github, branch: string, head: string): Promise<boolean> {
  const closed = await findPull(github, branch, 'closed');
  return closed !== undefined && !closed.merged_at && closed.head.sha === head;
}

function openPull(
  github: Github,
  base: BaseCommit,
  { branch, title, body }: WantedPull,
): Promise<PullAnswer> {
  return github.ask(pullSchema, ({ rest }, at) =>
    rest.pulls.create({ ...at, head: branch, base: base.branch, title, body }),
  );
}

/** Whether something had to be written. */
async function updatePull(
  github: Github,
  base: BaseCommit,
  { title, body }: WantedPull,
  open: PullAnswer,
): Promise<boolean> {
  const change = {
    ...(open.title !== title && { title }),
    ...(!sameText(open.body, body) && { body }),
    ...(open.base.ref !== base.branch && { base: base.branch }),
  };
  if (Object.keys(change).length === 0) return false;
  await github.ask(pullSchema, ({ rest }, at) =>
    rest.pulls.update({ ...at, pull_number: open.number, ...change }),
  );
  return true;
}

/** Whether all were there. Labels of others stay. */
async function addLabels(github: Github, pull: PullAnswer, labels: readonly string[]): Promise<boolean> {
  const there = new Set(pull.labels.map(({ name }) => name.toLowerCase()));
  const missing = labels.filter((label) => !there.has(label.toLowerCase()));
  if (missing.length === 0) return true;
  await github.answer(({ rest }, at) =>
    rest.issues.addLabels({ ...at, issue_number: pull.number, labels: missing }),
  );
  return false;
}
