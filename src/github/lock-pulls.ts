/** For `github pulls`: one pull request for each recipe whose lock would change, and none for the others. */
import { z } from 'zod';
import { MillinerError } from '../lib/errors/error.ts';
import { withSnapshots, type StateContext } from '../pipeline/state/context.ts';
import type { LoadedSet } from '../stages/recipe/load-set.ts';
import { reportBoot } from './boot-check.ts';
import { bootLock, type BootedLock } from './boot-lock.ts';
import { type BaseCommit } from './branch-commit.ts';
import { refSchema, repositorySchema } from './git-answers.ts';
import { GitReader } from './git-reader.ts';
import type { Github } from './github-api.ts';
import { mergePull } from './merge-pull.ts';
import { checkoutOf, proposalFiles, restPathOf } from './proposal-files.ts';
import {
  proposalKinds,
  proposeLocks,
  type FailedProposal,
  type Proposal,
  type ProposalKind,
} from './propose-locks.ts';
import { pullText } from './pull-body.ts';
import { closePull, syncPull, type PullOutcome, type SyncedPull, type WantedPull } from './sync-pull.ts';

interface LockPull extends Omit<SyncedPull, 'outcome'> {
  recipe: string;
  kind: ProposalKind;
  branch: string;
  outcome: PullOutcome | 'merged';
  /** Absent where nothing was booted. */
  boot?: 'passed' | 'failed';
}

export interface LockPulls {
  repository: string;
  /** The default branch. */
  base: string;
  pulls: LockPull[];
  failed: FailedProposal[];
  /** Requests that were to change something. */
  writes: number;
}

export interface PullsRequest {
  /** Build and boot each proposed lock here, and report that as a check run. */
  boot: boolean;
}

const prefix = 'milliner/';
const branchOf = (kind: ProposalKind, recipe: string) => `${prefix}${kind}/${recipe}`;
/** Nothing that follows could succeed. */
const endsAll = new Set([
  'GITHUB_RATE_LIMITED',
  'GITHUB_UNAVAILABLE',
  'GITHUB_UNAUTHENTICATED',
  'GITHUB_INVALID',
  'INTERRUPTED',
  'DISK_FULL',
]);

interface Run {
  context: StateContext;
  github: Github;
  reader: GitReader;
  base: BaseCommit;
  /** Commits by name of the branch. */
  branches: ReadonlyMap<string, string>;
  loaded: LoadedSet;
  checkout: string;
  boot: boolean;
}

/**
 * A pull request that fails does not stop the others: it is in `failed`. Throws the errors of GitHub after which none can
 * succeed, and what planning throws.
 */
export async function updatePulls(
  context: StateContext,
  github: Github,
  loaded: LoadedSet,
  { boot }: PullsRequest,
): Promise<LockPulls> {
  const checkout = checkoutOf(loaded.path);
  const base = await readBase(github);
  const branches = await readBranches(github);
  const { proposals, failed } = await proposeLocks(context, loaded);
  const run = { context, github, reader: new GitReader(github), base, branches, loaded, checkout, boot };
  const pulls: LockPull[] = [];
  for (const step of stepsOf(run, proposals, failed)) {
    try {
      const pull = await step.work();
      if (pull) pulls.push(pull);
    } catch (error) {
      if (!(error instanceof MillinerError) || endsAll.has(error.code)) throw error;
      const { code, message, hint } = error;
      failed.push({ recipe: step.recipe, kind: step.kind, code, message, hint });
    }
  }
  const { owner, repo } = github.repository;
  return { repository: `${owner}/${repo}`, base: base.branch, pulls, failed, writes: github.writes };
}

interface Step {
  recipe: string;
  kind: ProposalKind;
  work: () => Promise<LockPull | undefined>;
}

/** Of a recipe that could not be planned nothing is known: its pull requests stay. */
function stepsOf(run: Run, proposals: readonly Proposal[], failed: readonly FailedProposal[]): Step[] {
  const wanted = new Map(proposals.map((one) => [branchOf(one.kind, one.image.recipe), one]));
  const unknown = new Set(failed.map(({ recipe }) => recipe));
  return run.loaded.members.flatMap(({ loaded, chain }) => {
    const recipe = loaded.recipe.name;
    if (chain.some((one) => unknown.has(one.recipe.name))) return [];
    return proposalKinds.map((kind) => {
      const proposal = wanted.get(branchOf(kind, recipe));
      const work = () => (proposal ? maintainPull(run, proposal) : endPull(run, kind, recipe));
      return { recipe, kind, work };
    });
  });
}

async function endPull(run: Run, kind: ProposalKind, recipe: string): Promise<LockPull | undefined> {
  const branch = branchOf(kind, recipe);
  const head = run.branches.get(branch);
  if (head === undefined) return undefined;
  return { recipe, kind, branch, ...(await closePull(run, branch, head)) };
}

async function maintainPull(run: Run, proposal: Proposal): Promise<LockPull> {
  const { context, github, branches } = run;
  const { kind, image } = proposal;
  const { recipe } = image;
  const branch = branchOf(kind, recipe);
  const booted = run.boot ? await withSnapshots(context, (opened) => bootLock(opened, proposal)) : undefined;
  const synced = await syncPull(run, await wantedPull(run, proposal, booted), branches.get(branch));
  const pull: LockPull = { recipe, kind, branch, ...synced };
  if (!booted || synced.head === undefined || synced.outcome === 'edited') return pull;
  await reportBoot(github, recipe, synced.head, booted);
  const method = run.loaded.set.github?.automerge;
  const isMerged = booted.passed && method !== undefined && (await mergePull(run, pull, method));
  const outcome = isMerged ? 'merged' : pull.outcome;
  return { ...pull, outcome, boot: booted.passed ? 'passed' : 'failed' };
}

async function wantedPull(
  { loaded, checkout }: Run,
  proposal: Proposal,
  booted: BootedLock | undefined,
): Promise<WantedPull> {
  const { kind, image } = proposal;
  const followers = loaded.members
    .filter(({ chain }) => chain.slice(0, -1).some((one) => one.recipe.name === image.recipe))
    .map((one) => one.loaded.recipe.name);
  const { body, rest } = await pullText(proposal, followers, restPathOf(checkout, proposal));
  const isFix = kind === 'security';
  const title = `${isFix ? '[SECURITY] ' : ''}Update the lock of ${image.recipe}`;
  const labels = [...(loaded.set.github?.labels ?? []), ...(isFix ? ['security'] : [])];
  const files = proposalFiles(checkout, proposal, rest, booted?.ids ?? new Map());
  return { branch: branchOf(kind, image.recipe), message: title, files, title, body, labels };
}

async function readBase(github: Github): Promise<BaseCommit> {
  const { default_branch: branch } = await github.ask(repositorySchema, ({ rest }, at) => rest.repos.get(at));
  const { object } = await github.ask(refSchema, ({ rest }, at) =>
    rest.git.getRef({ ...at, ref: `heads/${branch}` }),
  );
  return { branch, sha: object.sha };
}

async function readBranches(github: Github): Promise<Map<string, string>> {
  const refs = await github.ask(z.array(refSchema).max(100_000), ({ rest }, at) =>
    rest.git.listMatchingRefs({ ...at, ref: `heads/${prefix}` }),
  );
  return new Map(refs.map(({ ref, object }) => [ref.replace(/^refs\/heads\//, ''), object.sha]));
}
