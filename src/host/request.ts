/** One HTTP GET: proxies of the environment, redirects, time limits; what goes wrong becomes an AttemptError. */
import { createSecureContext, getCACertificates } from 'node:tls';
import { EnvHttpProxyAgent, errors, request, type Dispatcher } from 'undici';

/** Why one attempt at one URL failed; the caller decides whether there is another. */
export class AttemptError extends Error {
  /** Asking this URL again is pointless. */
  readonly permanent: boolean;
  /** The bytes came but are not the promised ones. */
  readonly mismatch: boolean;
  /** Milliseconds that the server asks to wait. */
  readonly retryAfter: number;

  constructor(
    message: string,
    options: { permanent?: boolean; mismatch?: boolean; retryAfter?: number; cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause });
    this.permanent = options.permanent ?? false;
    this.mismatch = options.mismatch ?? false;
    this.retryAfter = options.retryAfter ?? 0;
  }
}

const connectMilliseconds = 15_000;
const silenceMilliseconds = 30_000;
const maxRedirects = 10;
const redirects = new Set([301, 302, 303, 307, 308]);
const passing = new Set([408, 425, 429, 500, 502, 503, 504]);

let dispatcher: EnvHttpProxyAgent | undefined;

function agent(): EnvHttpProxyAgent {
  if (dispatcher) return dispatcher;
  // The host's own certificate store as well: a company's mirrors are signed by its own authority.
  const ca = [...new Set([...getCACertificates('default'), ...getCACertificates('system')])];
  const tls = { secureContext: createSecureContext({ ca }) };
  dispatcher = new EnvHttpProxyAgent({
    connect: { timeout: connectMilliseconds, ...tls },
    requestTls: tls,
    proxyTls: tls,
    // Plain http as an ordinary proxy request: many proxies allow CONNECT to port 443 only.
    proxyTunnel: false,
    headersTimeout: silenceMilliseconds,
    bodyTimeout: silenceMilliseconds,
  });
  return dispatcher;
}

/** A URL for people and logs: without user, password, query and fragment, any of which may hold a secret. */
export function showUrl(url: string): string {
  if (!URL.canParse(url)) return 'a malformed URL';
  const shown = new URL(url);
  return `${shown.protocol}//${shown.host}${shown.pathname}`;
}

/** Gives the response once its status is 200, 206 or one of accept; the caller must consume the body. */
export async function get(
  url: string,
  headers: Record<string, string>,
  signal: AbortSignal | undefined,
  accept: readonly number[] = [],
): Promise<Dispatcher.ResponseData> {
  let target = parseUrl(url);
  let authorization = basic(target);
  for (let hop = 0; hop <= maxRedirects; hop++) {
    const response = await send(target, { ...headers, ...authorization }, signal);
    if (response.statusCode === 200 || response.statusCode === 206) return response;
    if (accept.includes(response.statusCode)) return response;
    await response.body.dump();
    const next = redirectTarget(response, target);
    if (!next) throw statusError(response);
    // A redirect to another host must not carry our password there.
    if (next.origin !== target.origin) authorization = basic(next);
    target = next;
  }
  throw new AttemptError(`more than ${maxRedirects} redirects`, { permanent: true });
}

async function send(target: URL, headers: Record<string, string>, signal: AbortSignal | undefined) {
  const bare = new URL(target);
  bare.username = '';
  bare.password = '';
  try {
    return await request(bare, {
      dispatcher: agent(),
      headers: { 'user-agent': 'milliner', 'accept-encoding': 'identity', ...headers },
      signal: signal ?? null,
    });
  } catch (cause) {
    throw asAttemptError(cause);
  }
}

/** Network errors become attempts that failed; an abort stays what it is. */
export function asAttemptError(cause: unknown): unknown {
  if (cause instanceof AttemptError || !(cause instanceof Error) || cause.name === 'AbortError') return cause;
  const code = (cause as NodeJS.ErrnoException).code;
  const network = cause instanceof errors.UndiciError || code !== undefined;
  return network ? new AttemptError(cause.message || String(code), { cause }) : cause;
}

function parseUrl(url: string): URL {
  if (!URL.canParse(url)) throw new AttemptError('the URL is malformed', { permanent: true });
  const parsed = new URL(url);
  if (parsed.protocol === 'http:' || parsed.protocol === 'https:') return parsed;
  throw new AttemptError(`${parsed.protocol} is not fetched over HTTP`, { permanent: true });
}

function basic(url: URL): Record<string, string> {
  if (!url.username && !url.password) return {};
  const pair = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  return { authorization: `Basic ${Buffer.from(pair).toString('base64')}` };
}

function redirectTarget(response: Dispatcher.ResponseData, from: URL): URL | undefined {
  const location = response.headers.location;
  if (!redirects.has(response.statusCode) || typeof location !== 'string') return undefined;
  if (!URL.canParse(location, from.href)) {
    throw new AttemptError('it redirects to a malformed URL', { permanent: true });
  }
  const next = parseUrl(new URL(location, from).href);
  if (from.protocol === 'https:' && next.protocol === 'http:') {
    throw new AttemptError('it redirects from https to http', { permanent: true });
  }
  return next;
}

function statusError(response: Dispatcher.ResponseData): AttemptError {
  const seconds = Number(response.headers['retry-after']);
  return new AttemptError(`HTTP status ${response.statusCode}`, {
    permanent: !passing.has(response.statusCode),
    retryAfter: Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : 0,
  });
}
