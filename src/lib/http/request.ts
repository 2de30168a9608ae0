/** One HTTP request with the environment's proxies, redirects and timeouts; failures become an AttemptError. */
import { isIP } from 'node:net';
import type { Dispatcher } from 'undici';
import { MillinerError } from '../errors/error.ts';
import { forgetBetweenJobs } from '../host/process-memory.ts';
import type { Access, Secrets } from './access.ts';
import { AddressRefused, isConfined, publicLookup, refusePrivate } from './reach.ts';
import { isUntrusted, wordsOf } from './tls.ts';

export type HttpResponse = Dispatcher.ResponseData;

export interface HttpRequest {
  method?: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  headers?: Record<string, string>;
  /** A piece of an iterable must stay as it is until the next but one is requested. */
  body?: Uint8Array | AsyncIterable<Uint8Array> | undefined;
  signal?: AbortSignal | undefined;
  /** Milliseconds until the response headers arrive; default 30 s. */
  headersTimeout?: number | undefined;
  tls?: Tls | undefined;
  /** Neither the operator nor a recipe names this server: it is contacted only at public addresses, see reach.ts. */
  isForeignOrigin?: boolean | undefined;
}

/** Why one attempt at one URL failed; the caller decides whether there is another. */
export class AttemptError extends Error {
  /** The status of the response, if there was one. */
  readonly status: number | undefined;
  /** Trying this URL again cannot succeed. */
  readonly permanent: boolean;
  /** All bytes arrived, but they are not the expected ones. */
  readonly mismatch: boolean;
  /** Milliseconds to wait, as the server asks. */
  readonly retryAfter: number;

  constructor(
    message: string,
    options: {
      permanent?: boolean;
      mismatch?: boolean;
      retryAfter?: number;
      status?: number | undefined;
      cause?: unknown;
    } = {},
  ) {
    super(message, { cause: options.cause });
    this.permanent = options.permanent ?? false;
    this.mismatch = options.mismatch ?? false;
    this.retryAfter = options.retryAfter ?? 0;
    this.status = options.status;
  }
}

const maxRedirects = 10;
const redirects = new Set([301, 302, 303, 307, 308]);
const transientStatuses = new Set([408, 425, 429, 500, 502, 503, 504]);

forgetBetweenJobs(() => checkedHosts.clear());

/** PEM. */
export interface Tls {
  /** The authorities that count instead of the host's. */
  authorities?: string | undefined;
  /** Authorities to trust in addition to the host's. */
  added?: string | undefined;
  certificate?: Secrets['certificate'];
  /** The server's certificate is not verified; only the owner of the host may ask for that. */
  unverified?: boolean | undefined;
}

/** A host name or address, an IPv6 one with or without its brackets. */
export function isLoopbackHost(name: string): boolean {
  const host = name.replace(/^\[(.*)\]$/, '$1').toLowerCase();
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

/** A URL for people and logs: without user, password, query and fragment, any of which may hold a secret. */
export function showUrl(url: string): string {
  if (!URL.canParse(url)) return 'a malformed URL';
  const shown = new URL(url);
  return `${shown.protocol}//${shown.host}${shown.pathname}`;
}

export interface Asking {
  headers?: Record<string, string>;
  signal?: AbortSignal | undefined;
  /** Statuses to return in addition to 200 and 206. */
  accept?: readonly number[];
  access?: Access | undefined;
}

/** Returns a response whose status is expected; the caller must consume its body. */
export async function get(
  url: string,
  { headers, signal, accept = [], access = {} }: Asking,
): Promise<HttpResponse> {
  const { authorities, timeout } = access;
  let target = parseUrl(url);
  const origins = access.origins ?? [target.origin];
  // A redirect must not carry secrets to another host, and a redirect back from there gets none either.
  let secrets = access.secrets?.find(({ origin }) => origin === target.origin);
  for (let hop = 0; hop <= maxRedirects; hop++) {
    const response = await send(target, {
      headers: { ...headers, ...basic(secrets) },
      signal,
      headersTimeout: timeout,
      tls: { authorities, certificate: secrets?.certificate },
      isForeignOrigin: !origins.includes(target.origin),
    });
    if (response.statusCode === 200 || response.statusCode === 206) return response;
    if (accept.includes(response.statusCode)) return response;
    await response.body.dump();
    const next = redirectTarget(response, target);
    if (!next) throw statusError(response);
    if (next.origin !== target.origin) secrets = undefined;
    target = next;
  }
  throw new AttemptError(`more than ${maxRedirects} redirects`, { permanent: true });
}

/** One request; returns any response, also a redirect. The caller must consume its body. */
export async function send(target: URL, options: HttpRequest): Promise<HttpResponse> {
  const bare = new URL(target);
  bare.username = '';
  bare.password = '';
  const isPublicOnly = options.isForeignOrigin === true || isConfined();
  try {
    if (isPublicOnly) await refuseBefore(bare.hostname);
    // Loaded with the first request: most commands make none.
    const { exchange } = await import('./agents.ts');
    return await exchange(bare, options, isPublicOnly);
  } catch (cause) {
    throw asAttemptError(cause);
  }
}

const checkedHosts = new Map<string, Promise<void>>();

/**
 * The lookup of a connection misses two cases: a host that is an address, and a name that the proxy resolves. Such a
 * name is resolved here once, if that is possible. Throws AddressRefused.
 */
async function refuseBefore(host: string): Promise<void> {
  refusePrivate(host);
  const isProxied = ['http_proxy', 'https_proxy', 'HTTP_PROXY', 'HTTPS_PROXY'].some(
    (name) => process.env[name],
  );
  if (!isProxied || isIP(host.replace(/^\[(.*)\]$/, '$1')) !== 0) return;
  const look = () =>
    new Promise<void>((done, fail) => {
      publicLookup(host, { all: true }, (error) => (error instanceof AddressRefused ? fail(error) : done()));
    });
  const found = checkedHosts.get(host) ?? look();
  checkedHosts.set(host, found);
  await found;
}

/** Network errors become AttemptErrors; an abort is returned unchanged. */
export function asAttemptError(cause: unknown): unknown {
  if (cause instanceof AttemptError || !(cause instanceof Error) || cause.name === 'AbortError') return cause;
  // Thrown by the code that produces the request's body, so it is no network failure.
  if (cause instanceof MillinerError) return cause;
  // Errors of the system and of undici have one.
  if ((cause as NodeJS.ErrnoException).code === undefined) return cause;
  return new AttemptError(wordsOf(cause), {
    cause,
    permanent: isUntrusted(cause) || cause instanceof AddressRefused,
  });
}

function parseUrl(url: string): URL {
  if (!URL.canParse(url)) throw new AttemptError('the URL is malformed', { permanent: true });
  const parsed = new URL(url);
  if (parsed.protocol === 'http:' || parsed.protocol === 'https:') return parsed;
  throw new AttemptError(`${parsed.protocol} is neither http: nor https:`, { permanent: true });
}

function basic({ username, password = '' }: Secrets | undefined = { origin: '' }): Record<string, string> {
  if (username === undefined) return {};
  return { authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}` };
}

function redirectTarget(response: HttpResponse, from: URL): URL | undefined {
  const location = response.headers.location;
  if (!redirects.has(response.statusCode) || typeof location !== 'string') return undefined;
  if (!URL.canParse(location, from.href)) {
    throw new AttemptError('the server redirects to a malformed URL', { permanent: true });
  }
  const next = parseUrl(new URL(location, from).href);
  if (from.protocol === 'https:' && next.protocol === 'http:') {
    throw new AttemptError('the server redirects from https to http', { permanent: true });
  }
  return next;
}

export function statusError(response: HttpResponse): AttemptError {
  return new AttemptError(`HTTP status ${response.statusCode}`, {
    permanent: !transientStatuses.has(response.statusCode),
    retryAfter: retryAfterOf(response),
    status: response.statusCode,
  });
}

/** Retry-After in milliseconds: seconds or a date (RFC 9110, 10.2.3). */
function retryAfterOf(response: HttpResponse): number {
  const text = String(response.headers['retry-after'] ?? '');
  const wait = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now();
  return wait > 0 ? wait : 0;
}
