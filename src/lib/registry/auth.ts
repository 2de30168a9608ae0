/**
 * Authorization at one registry: Basic (RFC 7617), or a bearer token of the token server that the registry names
 * (distribution's docs/spec/auth: token.md, oauth.md). Credentials go only to the registry's origin and to that token
 * server; token-server.ts restricts which one that may be.
 */
import type { HttpResponse, Tls } from '../http/request.ts';
import type { ReadBudget } from './budget.ts';
import { parseChallenges, type Challenge } from './challenge.ts';
import { basicOf, pairOf, type Credentials } from './credentials.ts';
import type { Endpoint } from './endpoint.ts';
import { mergeScopes } from './scope.ts';
import { fetchToken, type Token } from './token-server.ts';

/** Tokens to request at most: a registry may accept each token for one request only. */
const maxIssuedTokens = 64;

/** Milliseconds. */
const minLifetime = 100;

export class Authorizer {
  readonly #origin: URL;
  readonly #tls: Tls | undefined;
  readonly #credentials: Credentials | undefined;
  readonly #tokens = new Map<string, Promise<Token>>();
  /** Milliseconds that a token may be used; shortened if the registry rejects one before its stated expiry. */
  #life = Infinity;
  /**
   * The scope that the registry demanded, by the scope that was requested. Behind a proxy a repository may have another
   * name than its path (Artifactory).
   */
  readonly #wanted = new Map<string, string>();
  /** Strings to remove from messages: the account's secrets and the newest tokens. */
  readonly #secrets = new Set<string>();
  #issued: string[] = [];
  #challenge: Challenge | undefined;

  constructor({ origin, tls }: Endpoint, credentials: Credentials | undefined) {
    this.#origin = new URL(origin);
    this.#tls = tls;
    this.#credentials = credentials;
    if (credentials) this.#remember(credentials.password, credentials.identityToken, pairOf(credentials));
  }

  /** The Authorization header. None for another origin, and none before the registry has sent a challenge. */
  async header(
    target: URL,
    scope: string,
    budget: ReadBudget,
    signal?: AbortSignal,
  ): Promise<Record<string, string>> {
    if (target.origin !== this.#origin.origin || !this.#challenge) return {};
    if (this.#challenge.scheme === 'basic') return { authorization: basicOf(this.#credentials!) };
    const token = await this.#token(this.#challenge, scope, budget, signal);
    return { authorization: `Bearer ${token.value}` };
  }

  /** Handles the challenge of a 401 to a request; false if there is nothing new to send. */
  async accept(response: HttpResponse, scope: string, sent: string | undefined): Promise<boolean> {
    const challenges = parseChallenges(response.headers['www-authenticate']);
    const bearer = challenges.find(({ scheme }) => scheme === 'bearer');
    if (bearer) {
      this.#challenge = bearer;
      const requestedScope = bearer.parameters['scope'] ?? '';
      this.#wanted.set(scope, mergeScopes(this.#wanted.get(scope) ?? '', requestedScope));
      const known = await this.#tokens.get(scope)?.catch(() => undefined);
      // Another request may have fetched a fresh token in the meantime.
      if (known && sent === `Bearer ${known.value}`) {
        this.#learn(known);
        this.#tokens.delete(scope);
      }
      return true;
    }
    const basic = challenges.find(({ scheme }) => scheme === 'basic');
    if (!basic || !this.#credentials?.username || sent !== undefined) return false;
    this.#challenge = basic;
    return true;
  }

  /**
   * A request with an expired token is sent twice, so the next token is replaced earlier. A token that was never
   * accepted says nothing about lifetimes.
   */
  #learn({ from, until }: Token): void {
    const age = Date.now() - from;
    if (until > Date.now() && age > minLifetime) this.#life = Math.min(this.#life, age / 2);
  }

  /** A hint for the user whose request was refused. */
  advice(status: number): string {
    const { host } = this.#origin;
    const { username, identityToken } = this.#credentials ?? {};
    if (username === undefined && identityToken === undefined) return `Log in with podman login ${host}.`;
    const who = username ? `the account ${username}` : 'the account';
    return status === 401
      ? `Check the credentials of ${who}, or log in again with podman login ${host}.`
      : `Have its owner allow ${who} to do this. Logging in again does not help.`;
  }

  /** Removes secrets from a server's message. */
  redact(text: string): string {
    let shown = text;
    for (const secret of [...this.#secrets, ...this.#issued]) shown = shown.replaceAll(secret, '***');
    return shown;
  }

  #remember(...secrets: (string | undefined)[]): void {
    for (const secret of secrets) if (secret) this.#secrets.add(secret);
  }

  async #token(
    challenge: Challenge,
    scope: string,
    budget: ReadBudget,
    signal: AbortSignal | undefined,
  ): Promise<Token> {
    const known = await this.#tokens.get(scope)?.catch(() => undefined);
    if (known && Math.min(known.until, known.from + this.#life) > Date.now()) return known;
    const wanted = mergeScopes(scope, this.#wanted.get(scope) ?? '');
    const fetched = this.#fetch(challenge, wanted, budget, signal);
    this.#tokens.set(scope, fetched);
    try {
      return await fetched;
    } catch (error) {
      if (this.#tokens.get(scope) === fetched) this.#tokens.delete(scope);
      throw error;
    }
  }

  async #fetch(
    { parameters }: Challenge,
    scope: string,
    budget: ReadBudget,
    signal: AbortSignal | undefined,
  ): Promise<Token> {
    const { realm = '', service } = parameters;
    const asked = {
      registry: this.#origin,
      tls: this.#tls,
      realm,
      service,
      scope,
      credentials: this.#credentials,
      signal,
      budget,
      advice: (status: number) => this.advice(status),
    };
    const token = await fetchToken(asked);
    this.#issued = [...this.#issued.slice(1 - maxIssuedTokens), token.value];
    return token;
  }
}
