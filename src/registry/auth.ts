/**
 * Authorization at one registry: Basic (RFC 7617), or a bearer token of the token server that the registry names
 * (distribution's docs/spec/auth: token.md, oauth.md). Credentials go to the registry's origin and to that token
 * server, which must speak https unless the registry itself does not; no redirect takes them anywhere else.
 */
import { z } from 'zod';
import { MillinerError } from '../errors.ts';
import { send, showUrl, statusError, type HttpRequest, type HttpResponse } from '../host/request.ts';
import { readBody } from './body.ts';
import { parseChallenges, type Challenge } from './challenge.ts';
import type { Credentials } from './credentials.ts';

const tokenBytes = 1 << 20;
/** Seconds: what a token lives that does not say so, and how early it is taken for dead. */
const defaultLife = 60;
const margin = 10;
const tokenSchema = z.looseObject({
  token: z.string().nullish(),
  access_token: z.string().nullish(),
  expires_in: z.number().nullish(),
});

interface Token {
  value: string;
  /** Milliseconds of the clock. */
  until: number;
}

export class Authorizer {
  readonly #origin: URL;
  readonly #credentials: Credentials | undefined;
  readonly #tokens = new Map<string, Promise<Token>>();
  /** Everything that must never be shown. */
  readonly #secrets = new Set<string>();
  #challenge: Challenge | undefined;

  constructor(origin: string, credentials: Credentials | undefined) {
    this.#origin = new URL(origin);
    this.#credentials = credentials;
    if (credentials) this.#remember(credentials.password, credentials.identityToken, pairOf(credentials));
  }

  /** What to send along; nothing to another origin, and nothing before the registry has said what it wants. */
  async header(target: URL, scope: string, signal?: AbortSignal): Promise<Record<string, string>> {
    if (target.origin !== this.#origin.origin || !this.#challenge) return {};
    if (this.#challenge.scheme === 'basic') return { authorization: basicOf(this.#credentials!) };
    const token = await this.#token(this.#challenge, scope, signal);
    return { authorization: `Bearer ${token.value}` };
  }

  /** Takes up the challenge of a 401 that came for what was sent; false: there is nothing new to send. */
  async accept(response: HttpResponse, scope: string, sent: string | undefined): Promise<boolean> {
    const challenges = parseChallenges(response.headers['www-authenticate']);
    const bearer = challenges.find(({ scheme }) => scheme === 'bearer');
    if (bearer) {
      this.#challenge = bearer;
      const known = await this.#tokens.get(scope)?.catch(() => undefined);
      // Unless another request has fetched a fresh one meanwhile.
      if (known && sent === `Bearer ${known.value}`) this.#tokens.delete(scope);
      return true;
    }
    const basic = challenges.find(({ scheme }) => scheme === 'basic');
    if (!basic || !this.#credentials?.username || sent !== undefined) return false;
    this.#challenge = basic;
    return true;
  }

  /** What the other side said, without what it may have been told. */
  redact(text: string): string {
    let shown = text;
    for (const secret of this.#secrets) shown = shown.replaceAll(secret, '***');
    return shown;
  }

  #remember(...secrets: (string | undefined)[]): void {
    for (const secret of secrets) if (secret) this.#secrets.add(secret);
  }

  async #token(challenge: Challenge, scope: string, signal: AbortSignal | undefined): Promise<Token> {
    const known = await this.#tokens.get(scope)?.catch(() => undefined);
    if (known && known.until > Date.now()) return known;
    const fetched = this.#fetch(challenge, scope, signal);
    this.#tokens.set(scope, fetched);
    try {
      return await fetched;
    } catch (error) {
      if (this.#tokens.get(scope) === fetched) this.#tokens.delete(scope);
      throw error;
    }
  }

  async #fetch({ parameters }: Challenge, scope: string, signal: AbortSignal | undefined): Promise<Token> {
    const realm = this.#realm(parameters['realm'] ?? '');
    const response = await send(
      ...tokenRequest(realm, parameters['service'], scope, this.#credentials, signal),
    );
    const bytes = await readBody(response, tokenBytes);
    if (
      response.statusCode >= 400 &&
      response.statusCode < 500 &&
      ![408, 429].includes(response.statusCode)
    ) {
      throw new MillinerError('REGISTRY_DENIED', `${showUrl(realm.href)} gives no token for ${scope}`, {
        details: { realm: showUrl(realm.href), scope, status: response.statusCode },
      });
    }
    if (response.statusCode !== 200) throw statusError(response);
    const { token, life } = parseToken(bytes, realm);
    this.#remember(token);
    return { value: token, until: Date.now() + Math.max(life - margin, 0) * 1000 };
  }

  #realm(text: string): URL {
    if (!URL.canParse(text)) {
      throw new MillinerError('REGISTRY_INVALID', `${this.#origin.host} names no token server`);
    }
    const realm = new URL(text);
    if (realm.protocol === 'https:' || (realm.protocol === 'http:' && this.#origin.protocol === 'http:')) {
      return realm;
    }
    throw new MillinerError(
      'REGISTRY_INSECURE',
      `${this.#origin.host} wants credentials to be sent to ${showUrl(realm.href)}`,
      { details: { registry: this.#origin.host, realm: showUrl(realm.href) } },
    );
  }
}

function basicOf(credentials: Credentials): string {
  return `Basic ${pairOf(credentials)}`;
}

function pairOf({ username, password }: Credentials): string {
  return Buffer.from(`${username}:${password}`).toString('base64');
}

/** With an identity token OAuth2's refresh_token grant by POST; otherwise GET, with a password or without. */
function tokenRequest(
  realm: URL,
  service: string | undefined,
  scope: string,
  credentials: Credentials | undefined,
  signal: AbortSignal | undefined,
): [URL, HttpRequest] {
  const named = service === undefined ? {} : { service };
  if (credentials?.identityToken !== undefined) {
    const form = { grant_type: 'refresh_token', client_id: 'milliner', scope, ...named };
    const body = new URLSearchParams({ ...form, refresh_token: credentials.identityToken }).toString();
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    return [realm, { method: 'POST', headers, body: Buffer.from(body), signal }];
  }
  const url = new URL(realm);
  for (const [key, value] of Object.entries(named)) url.searchParams.append(key, value);
  for (const one of scope.split(' ')) url.searchParams.append('scope', one);
  return [url, { headers: credentials ? { authorization: basicOf(credentials) } : {}, signal }];
}

/** The specification lets a server call it token, access_token, or both. */
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
    // Told below, without the words of a parser, which quote what they do not understand.
  }
  throw new MillinerError('REGISTRY_INVALID', `${showUrl(realm.href)} answers no token`, {
    details: { realm: showUrl(realm.href) },
  });
}
