/**
 * Requests that GitHub refuses as invalid to those who may make them, and as forbidden to the others. None can succeed:
 * there is no commit with a digest of zeros, a branch has no commits beside itself, and a label has a name.
 */
import type { Octokit } from 'octokit';
import type { Repository, Answer } from './github-api.ts';

export type Permission = 'contents' | 'pull_requests' | 'issues' | 'statuses' | 'checks';

const noCommit = '0'.repeat(40);

export const probes: Record<Permission, (octokit: Octokit, at: Repository, base: string) => Promise<Answer>> =
  {
    contents: ({ rest }, at) =>
      rest.git.createRef({ ...at, ref: 'refs/heads/milliner/check', sha: noCommit }),
    pull_requests: ({ rest }, at, base) =>
      rest.pulls.create({ ...at, head: base, base, title: 'milliner check' }),
    issues: ({ rest }, at) => rest.issues.createLabel({ ...at, name: '' }),
    statuses: ({ rest }, at) => rest.repos.createCommitStatus({ ...at, sha: noCommit, state: 'pending' }),
    checks: ({ rest }, at) => rest.checks.create({ ...at, head_sha: noCommit, name: 'milliner check' }),
  };
