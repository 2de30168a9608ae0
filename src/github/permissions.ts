/** For `github check`: what the credentials may do in the repository, and what the set needs of that. */
import { z } from 'zod';
import { MillinerError } from '../lib/errors/error.ts';
import type { LoadedSet } from '../stages/recipe/load-set.ts';
import { repositorySchema } from './git-answers.ts';
import type { Github } from './github-api.ts';
import { probes, type Permission } from './permission-probes.ts';

type Settings = NonNullable<LoadedSet['set']['github']>;

interface CheckedPermission {
  permission: Permission;
  access: 'write';
  /** Keys of `github:` in the set, and flags. */
  for: string[];
  granted: boolean;
}

export interface CheckedAccess {
  repository: string;
  base: string;
  /** `classic`: a token with scopes; `app`: an installation; `fine`: a token with permissions of single repositories. */
  credentials: 'classic' | 'app' | 'fine';
  /** Of a classic token. */
  scopes?: string[];
  permissions: CheckedPermission[];
  /** Requests that are left until `reset`. */
  rate: { limit: number; remaining: number; reset: string };
}

const needs: Record<Permission, (keyof Settings | 'boot' | 'automerge')[]> = {
  contents: ['pulls', 'releases', 'automerge'],
  pull_requests: ['pulls'],
  issues: ['issues'],
  statuses: ['statuses'],
  checks: ['boot'],
};

const rateSchema = z.object({
  rate: z.object({ limit: z.int(), remaining: z.int(), reset: z.int().min(0).max(8e12) }),
});

/** Changes nothing. `boot`: check runs are wanted too. Throws the errors of the table for GitHub. */
export async function checkAccess(github: Github, settings: Settings, boot: boolean): Promise<CheckedAccess> {
  const answer = await github.answer(({ rest }, at) => rest.repos.get(at));
  const repository = github.read(repositorySchema, answer.data);
  const header = answer.headers?.['x-oauth-scopes'];
  const scopes = header === undefined ? undefined : scopesIn(String(header));
  const { permissions: ofApp } = github;
  const base = repository.default_branch;
  const isGranted = async (permission: Permission) => {
    if (ofApp) return ofApp[permission] === 'write';
    if (scopes) return permission !== 'checks' && hasScope(scopes, permission, repository);
    return isAllowed(github, permission, base);
  };
  const permissions: CheckedPermission[] = [];
  for (const permission of Object.keys(needs) as Permission[]) {
    const wanted = needs[permission].filter((key) => (key === 'boot' ? boot : Boolean(settings[key])));
    if (wanted.length === 0) continue;
    const granted = await isGranted(permission);
    permissions.push({ permission, access: 'write', for: wanted, granted });
  }
  const { rate } = await github.ask(rateSchema, ({ rest }) => rest.rateLimit.get());
  const { owner, repo } = github.repository;
  return {
    repository: `${owner}/${repo}`,
    base,
    credentials: ofApp ? 'app' : scopes ? 'classic' : 'fine',
    ...(scopes && { scopes }),
    permissions,
    rate: { ...rate, reset: new Date(rate.reset * 1000).toISOString() },
  };
}

/** Scopes widen what the account may do nowhere. */
function hasScope(
  scopes: readonly string[],
  permission: Permission,
  { permissions, private: isPrivate }: z.output<typeof repositorySchema>,
): boolean {
  const isWide = scopes.includes('repo') || (!isPrivate && scopes.includes('public_repo'));
  const isStatus = permission === 'statuses' && scopes.includes('repo:status');
  return (isWide || isStatus) && permissions?.['push'] === true;
}

const scopesIn = (header: string) =>
  header
    .slice(0, 1000)
    .split(',')
    .map((scope) => scope.trim())
    .filter(Boolean);

/** Where GitHub tells no permissions, a request tells that cannot succeed: who may not do it is refused for that. */
async function isAllowed(github: Github, permission: Permission, base: string): Promise<boolean> {
  try {
    await github.answer((octokit, at) => probes[permission](octokit, at, base));
    return true;
  } catch (error) {
    if (!(error instanceof MillinerError)) throw error;
    if (error.code === 'GITHUB_REFUSED' || error.code === 'GITHUB_CONFLICT') return true;
    if (error.code === 'GITHUB_DENIED' || error.code === 'GITHUB_NOT_FOUND') return false;
    throw error;
  }
}
