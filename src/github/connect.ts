/** Octokit for one repository, with its throttling and retries, our HTTP, and answers that are checked. */
import { App, Octokit } from 'octokit';
import { z } from 'zod';
import { MillinerError } from '../lib/errors/error.ts';
import type { Progress } from '../lib/host/progress.ts';
import { isLoopbackHost, showUrl } from '../lib/http/request.ts';
import { apiFetch } from './api-fetch.ts';
import type { Credentials } from './github-credentials.ts';
import { Github, type Repository } from './github-api.ts';
import { SecretMask } from './mask-secrets.ts';
import { RateLimitWaits } from './rate-limit.ts';
import { repeatSafely } from './repeat-safely.ts';

export interface GithubOptions {
  /** The API of GitHub Enterprise Server, such as https://HOST/api/v3; default: that of github.com. */
  url?: string | undefined;
  /** OWNER/NAME. */
  repository: string;
  credentials: Credentials;
  progress: Progress;
  signal?: AbortSignal | undefined;
  /** Milliseconds that all waits for rate limits take together. */
  maxWait?: number | undefined;
  /** Milliseconds of one request. */
  timeout?: number | undefined;
  /** Settings of octokit's throttling and retries that tests replace: how long a second is, and the pace of writes. */
  pace?: { throttle?: object; retry?: object } | undefined;
}

export const defaultUrl = 'https://api.github.com';
const installationSchema = z.object({
  id: z.int(),
  permissions: z.record(z.string().max(256), z.string().max(256)),
});

/** Asks GitHub only for an App, whose installation must be found. Throws the errors of the table for GitHub. */
export async function connectGithub(options: GithubOptions): Promise<Github> {
  const { credentials, signal } = options;
  const repository = parseRepository(options.repository);
  const mask = new SecretMask();
  const settings = octokitSettings(options, mask);
  const about = { repository, mask, signal };
  if ('token' in credentials) {
    mask.add(credentials.token);
    const octokit = new Octokit({ ...settings, auth: credentials.token });
    repeatSafely(octokit);
    return new Github(octokit, about);
  }
  const { appId, privateKey } = credentials;
  const app = new App({ appId, privateKey, Octokit: Octokit.defaults(settings) });
  const asApp = new Github(app.octokit, about);
  const installation = await asApp.ask(installationSchema, ({ rest }, at) =>
    rest.apps.getRepoInstallation(at),
  );
  const octokit = await app.getInstallationOctokit(installation.id);
  repeatSafely(octokit, () => octokit.auth({ type: 'installation', refresh: true }));
  return new Github(octokit, { ...about, permissions: installation.permissions });
}

function octokitSettings(options: GithubOptions, mask: SecretMask) {
  const { progress, signal, timeout, pace } = options;
  const baseUrl = parseUrl(options.url ?? defaultUrl);
  const waits = new RateLimitWaits(progress, options.maxWait);
  const origins = [new URL(baseUrl).origin, new URL(uploadsUrl(baseUrl)).origin];
  return {
    baseUrl,
    userAgent: 'milliner',
    // Octokit's own log is the console.
    log: { debug() {}, info() {}, warn: (text: string) => progress.warn(mask.mask(text)), error() {} },
    request: { fetch: apiFetch({ origins, mask, signal, timeout }) },
    // What is refused, and a limit that was waited for, is not asked again.
    retry: { doNotRetry: [400, 401, 403, 404, 405, 409, 410, 422, 429, 451], ...pace?.retry },
    throttle: {
      // Octokit keeps the pace of a process by this name.
      id: `${baseUrl}/${options.repository}`,
      onRateLimit: (seconds: number, _request: object, _octokit: object, repeats: number) =>
        waits.allow('primary', seconds, repeats),
      onSecondaryRateLimit: (seconds: number, _request: object, _octokit: object, repeats: number) =>
        waits.allow('secondary', seconds, repeats),
      ...pace?.throttle,
    },
  };
}

/** Where assets of releases go: a host of its own beside `api.HOST`; with Enterprise Server, a path. */
export function uploadsUrl(baseUrl: string): string {
  return baseUrl
    .replace(/^https:\/\/api\.(?=[^/]+$)/, 'https://uploads.')
    .replace(/\/api\/v3$/, '/api/uploads');
}

/** Plain http would show the token to the network between. */
function parseUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isSecure = url?.protocol === 'https:' || (url?.protocol === 'http:' && isLoopbackHost(url.hostname));
  if (url && isSecure && url.username === '' && url.search === '') return url.href.replace(/\/+$/, '');
  throw new MillinerError('USAGE', `${showUrl(text)} is neither https nor http on loopback`);
}

function parseRepository(text: string): Repository {
  const [, owner, repo] = /^([A-Za-z0-9-]{1,39})\/([A-Za-z0-9._-]{1,100})$/.exec(text) ?? [];
  if (owner !== undefined && repo !== undefined && !/^\.{1,2}$/.test(repo)) return { owner, repo };
  throw new MillinerError('USAGE', `${text.slice(0, 200)} is not a repository such as OWNER/NAME`);
}
