/**
 * Bearer tokens (distribution's docs/spec/auth: token.md, oauth.md). A token server gets the credentials. So it must
 * use https unless the registry itself does not, and may redirect only to hosts of its own owner.
 */
import { getDomain } from 'tldts';
import { z } from 'zod';
import { MillinerError } from '../errors/error.ts';
import {
  AttemptError,
  send,
  showUrl,
  statusError,
  type HttpRequest,
  type HttpResponse,
  type Tls,
} from '../http/request.ts';
import { readBody } from './body.ts';
import type { ReadBudget } from './budget.ts';
import { certificatesFor } from './certificates.ts';
import { basicOf, type Credentials } from './credentials.ts';

export interface Token {
  value: string;
  /** Milliseconds since the epoch. */
  from: number;
  until: number;
}

export interface TokenQuestion {
  registry: URL;
  /** TLS settings of the registry's own host. */
  tls: Tls | undefined;
  /** The token server's URL, as the registry names it. */
  realm: string;
  service: string | undefined;
  scope: string;
  credentials: Credentials | undefined;
  signal: AbortSignal | undefined;
  budget: ReadBudget;
  /** A hint for the user, by the status of a refusal. */
  advice: (status: number) => string;
}

/** Tokens of a few kilobytes are common; a longer one does not fit into a header. */
const tokenBytes = 64 * 1024;
/** Seconds: the lifetime of a token that does not state one, and how early before its expiry it is replaced. */
const defaultLife = 60;
const expiryMargin = 10;
const maxRedirects = 5;
/** Transient statuses of a token server. */
const transientStatuses = [408, 429];
const tokenSchema = z.looseObject({
  token: z.string().nullish(),
  access_token: z.string().nullish(),
  expires_in: z.number().nullish(),
});

/** Throws REGISTRY_DENIED, REGISTRY_INVALID, REGISTRY_INSECURE. */
export async function fetchToken(question: TokenQuestion): Promise<Token> {
  const { registry, realm, scope } = question;
  if (!URL.canParse(realm)) {
    throw new MillinerError('REGISTRY_INVALID', `${registry.host} names no token server`);
  }
  const first = requestOf(new URL(realm), question);
  const { response, target } = await follow(question, first.url, first.request);
  const { statusCode } = response;
  const { budget } = question;
  const bytes = await readBody(response, tokenBytes, undefined, (size) => budget.spend(size));
  const place = showUrl(target.href);
  if (statusCode >= 400 && statusCode < 500 && !transientStatuses.includes(statusCode)) {
    const what = `${place} gives no token for ${scope} (HTTP status ${statusCode})`;
    throw new MillinerError('REGISTRY_DENIED', what, {
      hint: question.advice(statusCode),
      details: { realm: place, scope, status: statusCode },
    });
  }
  if (statusCode !== 200) throw withPlace(place, statusError(response));
  const { token, life } = parseToken(bytes, target);
  const from = Date.now();
  return { value: token, from, until: from + Math.max(life - expiryMargin, 0) * 1000 };
}

/** Follows redirects. 301 to 303 would turn a POST into a GET, which would lose the grant. */
async function follow(
  question: TokenQuestion,
  first: URL,
  request: HttpRequest,
): Promise<{ response: HttpResponse; target: URL }> {
  const { registry } = question;
  const followed = request.method === 'POST' ? [307, 308] : [301, 302, 303, 307, 308];
  for (let target = first, hop = 0; ; hop++) {
    requireSafe(registry, first, target);
    const tls = await trustFor(target, question);
    const isForeignOrigin = target.origin !== registry.origin;
    const response = await send(target, { ...request, tls, isForeignOrigin }).catch((error: unknown) => {
      throw error instanceof AttemptError ? withPlace(showUrl(target.href), error) : error;
    });
    const { location } = response.headers;
    if (!followed.includes(response.statusCode) || typeof location !== 'string') return { response, target };
    await response.body.dump();
    if (hop === maxRedirects || !URL.canParse(location, target.href)) {
      throw new MillinerError(
        'REGISTRY_INVALID',
        `${showUrl(first.href)} does not redirect to a token server`,
      );
    }
    target = new URL(location, target);
  }
}

/**
 * A registry's configured authority is trusted for its token server as well; a client certificate is sent to no other
 * host.
 */
async function trustFor(target: URL, { registry, tls }: TokenQuestion): Promise<Tls | undefined> {
  if (target.hostname === registry.hostname) return tls;
  const own = await certificatesFor(target.host);
  return own ?? (tls?.added === undefined ? undefined : { added: tls.added });
}

/** Adds the token server's URL: it failed, not the registry. */
function withPlace(place: string, error: AttemptError): AttemptError {
  const { permanent, retryAfter, status, cause } = error;
  return new AttemptError(`the token server ${place}: ${error.message}`, {
    permanent,
    retryAfter,
    status,
    cause,
  });
}

function requireSafe(registry: URL, first: URL, target: URL): void {
  const isPrivate =
    target.protocol === 'https:' || (target.protocol === 'http:' && registry.protocol === 'http:');
  if (isPrivate && isSameOwner(first, target)) return;
  const whose = isPrivate ? ', which has another owner' : '';
  throw new MillinerError(
    'REGISTRY_INSECURE',
    `${registry.host} asks for credentials to be sent to ${showUrl(target.href)}${whose}`,
    { details: { registry: registry.host, realm: showUrl(target.href) } },
  );
}

/** By the Public Suffix List; an address, or a name of one label, has no other host of its owner. */
export function isSameOwner(one: URL, other: URL): boolean {
  if (one.host === other.host) return true;
  const options = { allowPrivateDomains: true };
  const domain = getDomain(one.hostname, options);
  return domain !== null && domain === getDomain(other.hostname, options);
}

/** With an identity token OAuth2's refresh_token grant by POST; otherwise GET, with or without a password. */
function requestOf(
  realm: URL,
  { service, scope, credentials, signal }: TokenQuestion,
): { url: URL; request: HttpRequest } {
  const serviceParameter = service === undefined ? {} : { service };
  if (credentials?.identityToken !== undefined) {
    const form = { grant_type: 'refresh_token', client_id: 'milliner', scope, ...serviceParameter };
    const body = new URLSearchParams({ ...form, refresh_token: credentials.identityToken }).toString();
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    return { url: realm, request: { method: 'POST', headers, body: Buffer.from(body), signal } };
  }
  const url = new URL(realm);
  for (const [key, value] of Object.entries(serviceParameter)) url.searchParams.append(key, value);
  for (const one of scope.split(' ')) url.searchParams.append('scope', one);
  return { url, request: { headers: credentials ? { authorization: basicOf(credentials) } : {}, signal } };
}

/** The specification allows token, access_token, or both. */
function parseToken(bytes: Buffer, realm: URL): { token: string; life: number } {
  try {
    const {
      token,
      access_token: accessToken,
      expires_in: life,
    } = tokenSchema.parse(JSON.parse(bytes.toString()));
    const value = token || accessToken;
    if (value && /^[\x21-\x7e]+$/.test(value)) return { token: value, life: life ?? defaultLife };
  } catch {
    // Reported below without the parser's message, which quotes the text.
  }
  throw new MillinerError('REGISTRY_INVALID', `${showUrl(realm.href)} answers without a token`, {
    details: { realm: showUrl(realm.href) },
  });
}
