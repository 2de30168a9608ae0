/** Turns every failure of GitHub's API into an error of the table, with a masked message. */
import { RequestError } from 'octokit';
import { MillinerError, type ErrorCode, type ErrorOptions } from '../lib/errors/error.ts';
import { oneLine } from '../stages/report/escape-text.ts';
import type { SecretMask } from './mask-secrets.ts';

/** A server may answer with a page. */
const maxMessageLength = 500;

type Headers = Record<string, string | number | undefined>;

/** MillinerErrors pass: those of a signal, and those of our own fetch, which octokit has wrapped. */
export function asGithubError(error: unknown, mask: SecretMask): unknown {
  if (error instanceof MillinerError) return error;
  if (!(error instanceof Error)) return error;
  if (error.cause instanceof MillinerError) return error.cause;
  if (!(error instanceof RequestError)) return withoutStatus(error, mask);
  const headers: Headers = error.response?.headers ?? {};
  const code = codeOf(error, headers);
  const { method, url } = error.request;
  const request = mask.mask(`${method} ${pathOf(url)}`);
  const answer = error.response ? `${error.status} ` : '';
  const message = mask.mask(oneLine(`${request}: ${answer}${error.message}`)).slice(0, maxMessageLength);
  const details = {
    request,
    ...(error.response && { status: error.status }),
    ...(code === 'GITHUB_RATE_LIMITED' && { retryAt: retryAt(headers) }),
    ...(code === 'GITHUB_DENIED' && permissionsIn(headers)),
  };
  // No cause: octokit's error has the request with its body and headers.
  return new MillinerError(code, message, { details, ...hintFor(code, details) });
}

/** What octokit throws before it has asked: for keys that cannot sign, and answers that are no JSON. */
function withoutStatus(error: Error, mask: SecretMask): MillinerError {
  const message = mask.mask(oneLine(error.message)).slice(0, maxMessageLength);
  return new MillinerError('GITHUB_INVALID', message || error.name);
}

function codeOf({ status, response }: RequestError, headers: Headers): ErrorCode {
  // Octokit counts a connection that failed as a 500 without an answer.
  if (!response) return 'GITHUB_UNAVAILABLE';
  if ((status === 403 || status === 429) && isLimit(headers)) return 'GITHUB_RATE_LIMITED';
  if (status === 401) return 'GITHUB_UNAUTHENTICATED';
  if (status === 403 || status === 451) return 'GITHUB_DENIED';
  if (status === 404 || status === 410) return 'GITHUB_NOT_FOUND';
  if (status === 409 || status === 405) return 'GITHUB_CONFLICT';
  if (status === 408 || status >= 500) return 'GITHUB_UNAVAILABLE';
  return status >= 400 ? 'GITHUB_REFUSED' : 'GITHUB_INVALID';
}

/** Our fetch gives every kind of limit this form. */
const isLimit = (headers: Headers) =>
  String(headers['x-ratelimit-remaining']) === '0' || headers['retry-after'] !== undefined;

function retryAt(headers: Headers): string {
  const after = Number(headers['retry-after'] ?? Number.NaN);
  const reset = Number(headers['x-ratelimit-reset'] ?? Number.NaN);
  const seconds = Number.isNaN(after) ? reset : Math.ceil(Date.now() / 1000) + after;
  const inRange = seconds > 0 && seconds < 8.64e12;
  return new Date(inRange ? seconds * 1000 : Date.now() + 60_000).toISOString();
}

/** What GitHub says that the request needs, and what a classic token has. */
function permissionsIn(headers: Headers): Record<string, string> {
  const fields = {
    accepted: headers['x-accepted-github-permissions'] ?? headers['x-accepted-oauth-scopes'],
    granted: headers['x-oauth-scopes'],
  };
  const given = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given.map(([name, value]) => [name, String(value).slice(0, maxMessageLength)]));
}

function hintFor(code: ErrorCode, details: Record<string, unknown>): ErrorOptions {
  if (code !== 'GITHUB_RATE_LIMITED') return {};
  return {
    hint: `Run the command again after ${String(details['retryAt'])}, or wait longer with --max-wait.`,
  };
}

/** Without a query, which may hold a secret. */
function pathOf(url: string): string {
  return URL.canParse(url) ? new URL(url).pathname : url.replace(/\?.*$/, '');
}
