/** Shows the nights of a set in the repository on GitHub that the set names. */
import { MillinerError } from '../lib/errors/error.ts';
import { withState, type RunOptions } from '../pipeline/state/context.ts';
import { withStateLock } from '../pipeline/state/state-lock.ts';
import { loadSet, readSet } from '../stages/recipe/load-set.ts';
import type { ReleaseSet } from '../stages/recipe/set-schema.ts';
import type { NightReport } from '../stages/report/night-report.ts';
import { connectGithub, defaultUrl, type GithubOptions } from './connect.ts';
import { ensureIssues } from './failure-issues.ts';
import { readCredentials, type CredentialSources } from './github-credentials.ts';
import type { Github } from './github-api.ts';
import { issueOfNight } from './night-issues.ts';
import { reportNights, type ShownNights } from './report-nights.ts';

export interface ReportRequest {
  /** A path; the default is milliner.yaml here or in recipes/. */
  set: string | undefined;
  sources: CredentialSources;
  /** Milliseconds that all waits for rate limits take together. */
  maxWait: number;
  pace?: GithubOptions['pace'];
}

/** How a night ended of which the state has no report. */
export type UnstoredNight =
  | { idle: NightReport }
  /** Before it had one. */
  | { failure: MillinerError };

/**
 * Undefined for a set that names no repository. Throws SET_NOT_FOUND, SET_INVALID, GITHUB_CREDENTIALS, what connecting
 * throws, STATE_INVALID, INTERRUPTED; other failures are in the result.
 */
export async function reportSet(
  options: RunOptions,
  request: ReportRequest,
  night?: UnstoredNight,
): Promise<ShownNights | undefined> {
  const { set } = await readSet(request.set);
  const settings = set.github;
  if (!settings) return undefined;
  const github = await connectGithub({
    ...request,
    url: settings.url,
    repository: settings.repository,
    credentials: await readCredentials(request.sources),
    progress: options.progress,
    signal: options.signal,
  });
  if (night && 'failure' in night) return showFailure(set, github, night.failure);
  const loaded = await loadSet(request.set);
  const shown = { ...settings, url: settings.url ?? defaultUrl };
  // Two runs at once would both find no release, and make one each.
  return withStateLock(options, `github-${set.name}`, () =>
    withState(options, (context) =>
      reportNights(context, loaded, github, { settings: shown, idle: night?.idle }),
    ),
  );
}

async function showFailure(
  set: ReleaseSet,
  github: Github,
  { code, message, hint }: MillinerError,
): Promise<ShownNights> {
  const { repository, issues, labels } = set.github!;
  const date = new Date().toISOString().slice(0, 10);
  if (issues)
    await ensureIssues(github, await issueOfNight({ set: set.name, code, message, hint }, date, labels));
  return { repository, nights: [], releases: [], writes: github.writes, failures: [] };
}
