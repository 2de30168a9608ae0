/**
 * The `fetch` of octokit: Milliner's own HTTP with its proxies and authorities, to GitHub's origins alone, bounded in
 * size and time, with secrets taken out of every answer.
 */
import { MillinerError } from '../lib/errors/error.ts';
import { unconfined } from '../lib/http/reach.ts';
import { send, showUrl, type HttpResponse } from '../lib/http/request.ts';
import type { SecretMask } from './mask-secrets.ts';

export interface FetchSettings {
  /** In the form of URL.origin; the credentials go nowhere else. */
  origins: readonly string[];
  mask: SecretMask;
  signal?: AbortSignal | undefined;
  /** Milliseconds of one request, its answer included. */
  timeout?: number | undefined;
}

/** What octokit calls it with. */
interface FetchInput {
  method?: string;
  headers?: Record<string, string>;
  body?: string | Uint8Array | undefined;
}

const defaultTimeout = 60_000;
/** A page of a hundred pull requests with bodies of the maximal length has 30 MB. */
const maxAnswerBytes = 64 * 1024 * 1024;
const maxRedirects = 5;
/** A repository that was renamed answers so. */
const redirects = new Set([301, 302, 307, 308]);
/** Seconds to wait where a server refuses without saying for how long; GitHub's own advice. */
const defaultRetryAfter = 60;

export function apiFetch(settings: FetchSettings): (url: string, input: FetchInput) => Promise<Response> {
  return (url, input) => unconfined(() => fetchFrom(settings, url, input));
}

async function fetchFrom(settings: FetchSettings, url: string, input: FetchInput): Promise<Response> {
  const timeout = AbortSignal.timeout(settings.timeout ?? defaultTimeout);
  const signal = settings.signal ? AbortSignal.any([settings.signal, timeout]) : timeout;
  let target = allowed(settings, url);
  for (let hop = 0; ; hop++) {
    const response = await send(target, {
      method: (input.method ?? 'GET') as 'GET',
      headers: input.headers ?? {},
      body: input.body === undefined ? undefined : Buffer.from(input.body as string),
      signal,
    });
    const { location } = response.headers;
    if (redirects.has(response.statusCode) && typeof location === 'string' && hop < maxRedirects) {
      await response.body.dump();
      target = allowed(settings, new URL(location, target).href);
      continue;
    }
    return answerOf(settings, target, response);
  }
}

/** A link to the next page, a redirect or an upload URL comes from a server, and the credentials would go with it. */
function allowed({ origins }: FetchSettings, url: string): URL {
  if (URL.canParse(url) && origins.includes(new URL(url).origin)) return new URL(url);
  throw new MillinerError('GITHUB_INVALID', `GitHub's API names another server: ${showUrl(url)}`);
}

async function answerOf({ mask }: FetchSettings, url: URL, response: HttpResponse): Promise<Response> {
  const body = await readAll(response);
  const { statusCode: status } = response;
  // The one answer that is to hold a secret.
  const isToken = status === 201 && url.pathname.endsWith('/access_tokens');
  if (isToken) addToken(mask, body);
  const text = isToken ? body : hideIn(mask, body);
  const isEmpty = status === 204 || status === 205 || status === 304;
  const headers = headersOf(response, (header) => mask.hide(header));
  const answer = new Response(isEmpty ? null : (text as Uint8Array<ArrayBuffer>), { status, headers });
  Object.defineProperty(answer, 'url', { value: url.href });
  return answer;
}

async function readAll(response: HttpResponse): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response.body as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxAnswerBytes)
      throw new MillinerError(
        'GITHUB_INVALID',
        `GitHub sends an answer of more than ${maxAnswerBytes} bytes`,
      );
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Latin-1 holds every byte, so that a file comes out as it was. */
function hideIn(mask: SecretMask, body: Buffer): Buffer {
  const text = body.toString('latin1');
  const hidden = mask.hide(text);
  return hidden === text ? body : Buffer.from(hidden, 'latin1');
}

function addToken(mask: SecretMask, body: Buffer): void {
  try {
    const { token } = JSON.parse(body.toString()) as { token?: unknown };
    if (typeof token === 'string') mask.add(token);
  } catch {
    // It is no JSON: octokit says so, and there is no token in it.
  }
}

/**
 * Octokit waits after a refusal that has `x-ratelimit-remaining: 0`, or the words of the secondary limit and seconds in
 * Retry-After. Proxies and older servers send a date, or a 429 with nothing: both are put into octokit's form.
 */
function headersOf(response: HttpResponse, hide: (text: string) => string): Headers {
  const headers = new Headers();
  for (const [name, value] of Object.entries(response.headers))
    if (value !== undefined) headers.set(name, hide([value].flat().join(', ')));
  const given = headers.get('retry-after');
  const seconds = given === null ? undefined : secondsOf(given);
  if (seconds !== undefined) headers.set('retry-after', String(seconds));
  const isLimit = response.statusCode === 429 || (response.statusCode === 403 && seconds !== undefined);
  if (isLimit && headers.get('x-ratelimit-remaining') !== '0') {
    headers.set('retry-after', String(seconds ?? defaultRetryAfter));
    headers.set('x-ratelimit-remaining', '0');
    headers.set('x-ratelimit-reset', String(Math.ceil(Date.now() / 1000) + (seconds ?? defaultRetryAfter)));
  }
  return headers;
}

/** RFC 9110, 10.2.3: seconds or a date. */
function secondsOf(text: string): number | undefined {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.max(Math.ceil((date - Date.now()) / 1000), 0);
}
