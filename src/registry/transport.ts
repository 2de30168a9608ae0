/**
 * Requests to one registry: authorization, redirects, retries, and the errors that all of its answers become.
 * What passes (a lost connection, 408, 429, 5xx) is asked again for about a minute; what does not is said at once.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Readable } from 'node:stream';
import { MillinerError } from '../errors.ts';
import { AttemptError, send, showUrl, statusError } from '../host/request.ts';
import type { HttpRequest, HttpResponse } from '../host/request.ts';
import { Authorizer } from './auth.ts';
import { readBody } from './body.ts';
import type { Credentials } from './credentials.ts';
import { originOf } from './reference.ts';

export interface TransportOptions {
  /** Host and port, as in a reference. */
  registry: string;
  /** Speak HTTP without TLS although the registry is not on this host. */
  plainHttp?: boolean | undefined;
  credentials?: Credentials | undefined;
  signal?: AbortSignal | undefined;
  /** How often a request is made while it fails in passing; default 8, over about a minute. */
  attempts?: number | undefined;
}

export interface Ask {
  method: NonNullable<HttpRequest['method']>;
  /** Below the registry's origin, or where the registry said to go on. */
  url: string | URL;
  /** Access that the request needs (distribution's docs/spec/auth/scope.md), several with blanks between them. */
  scope: string;
  /** Statuses that are an answer; others are errors. */
  expect: readonly number[];
  headers?: Record<string, string> | undefined;
  /** Made anew for each attempt. */
  body?: (() => Uint8Array | Readable) | undefined;
  patience?: number | undefined;
}

/** Milliseconds; each wait is twice as long as the one before. */
const firstDelay = 250;
const longestDelay = 15_000;
/** A registry may ask for more patience than that; it does not get it. */
const longestRetryAfter = 60_000;
const maxRedirects = 5;
const redirects = [301, 302, 303, 307, 308];
const errorBytes = 64 * 1024;

export class Transport {
  readonly registry: string;
  readonly #origin: string;
  readonly #authorizer: Authorizer;
  readonly #options: TransportOptions;
  readonly #signal: AbortSignal | undefined;
  readonly #attempts: number;

  constructor(options: TransportOptions, authorizer?: Authorizer) {
    this.registry = options.registry;
    this.#origin = new URL(originOf(options.registry, options.plainHttp ?? false)).origin;
    this.#authorizer = authorizer ?? new Authorizer(this.#origin, options.credentials);
    this.#options = options;
    this.#signal = options.signal;
    this.#attempts = options.attempts ?? 8;
  }

  /** The same, with what is known of tokens, for work that another signal stops. */
  under(signal: AbortSignal): Transport {
    return new Transport({ ...this.#options, signal }, this.#authorizer);
  }

  /** Asks until there is an answer, and has it read; a body that breaks off is asked for again. */
  async ask<T>(ask: Ask, read: (response: HttpResponse) => Promise<T>): Promise<T> {
    return this.persist(() => this.attempt(ask, read));
  }

  /**
   * Repeats fn while it fails in passing, and as long as it gets further each time than ever before. Throws
   * REGISTRY_UNAVAILABLE with the last reason, INTERRUPTED.
   */
  async persist<T>(fn: () => Promise<T>, progress: () => number = () => 0): Promise<T> {
    let furthest = 0;
    for (let failed = 0; ; failed++) {
      try {
        return await fn();
      } catch (error) {
        if (this.#signal?.aborted) throw stopped(this.#signal, error);
        if (!(error instanceof AttemptError)) throw error;
        if (isUntrusted(error)) throw this.#untrusted(error);
        if (progress() > furthest) failed = 0;
        furthest = Math.max(furthest, progress());
        if (error.permanent || failed + 1 >= this.#attempts) throw this.#unavailable(error);
        await this.#pause(failed, error.retryAfter);
      }
    }
  }

  /** One attempt: an AttemptError if it failed in passing, a MillinerError if for good. */
  async attempt<T>(ask: Ask, read: (response: HttpResponse) => Promise<T>): Promise<T> {
    const response = await this.#authorized(ask);
    if (ask.expect.includes(response.statusCode)) return read(response);
    throw await this.#refusal(ask, response);
  }

  /** Where an answer sends on to; a place without TLS only where the registry has none either. */
  follow(location: string | string[] | undefined, from: string | URL): URL {
    const base = new URL(from, this.#origin);
    if (typeof location !== 'string' || !URL.canParse(location, base.href)) {
      throw this.invalid(`${showUrl(base.href)} gives no address to go on`);
    }
    const target = new URL(location, base);
    if (target.protocol !== 'https:' && target.protocol !== new URL(this.#origin).protocol) {
      throw new MillinerError('REGISTRY_INSECURE', `${this.registry} sends on to ${showUrl(target.href)}`, {
        details: { registry: this.registry, location: showUrl(target.href) },
      });
    }
    return target;
  }

  /** The registry does not do what the protocol says. */
  invalid(message: string, details: Record<string, unknown> = {}): MillinerError {
    return new MillinerError('REGISTRY_INVALID', message, {
      details: { registry: this.registry, ...details },
    });
  }

  /**
   * Two rounds at most: without authorization or with an old token, and with a fresh one. Only the registry itself
   * may name the token server that gets our credentials: not a storage that it sends on to.
   */
  async #authorized(ask: Ask): Promise<HttpResponse> {
    const target = new URL(ask.url, this.#origin);
    for (let round = 0; ; round++) {
      const authorization = await this.#authorizer.header(target, ask.scope, this.#signal);
      const { response, origin } = await this.#redirected(ask, target, authorization);
      if (response.statusCode !== 401 || round > 0 || origin !== this.#origin) return response;
      const sent = authorization['authorization'];
      if (!(await this.#authorizer.accept(response, ask.scope, sent))) return response;
      await response.body.dump();
    }
  }

  /** The answer, and the origin that it came from. */
  async #redirected(
    ask: Ask,
    first: URL,
    authorization: Record<string, string>,
  ): Promise<{ response: HttpResponse; origin: string }> {
    let target = first;
    for (let hop = 0; hop <= maxRedirects; hop++) {
      // Storage that a registry redirects to has no business with our credentials, nor may it like them.
      const own = target.origin === first.origin ? authorization : {};
      const response = await send(target, {
        method: ask.method,
        headers: { ...ask.headers, ...own },
        body: ask.body?.(),
        signal: this.#signal,
        patience: ask.patience,
      });
      const { statusCode, headers } = response;
      const answer = { response, origin: target.origin };
      if (ask.expect.includes(statusCode) || !redirects.includes(statusCode)) return answer;
      // A redirect that turns a request with a body into a GET is none that an upload can follow.
      if (statusCode < 307 && ask.method !== 'GET' && ask.method !== 'HEAD') return answer;
      await response.body.dump();
      target = this.follow(headers.location, target);
    }
    throw this.invalid(`${showUrl(first.href)} redirects more than ${maxRedirects} times`);
  }

  async #refusal(ask: Ask, response: HttpResponse): Promise<Error> {
    const { statusCode } = response;
    const failure = statusError(response);
    const words = await this.#wordsOf(response);
    if (!failure.permanent || statusCode >= 500) {
      return new AttemptError(`${failure.message}${words}`, { retryAfter: failure.retryAfter });
    }
    const request = `${ask.method} ${showUrl(new URL(ask.url, this.#origin).href)}`;
    const details = { registry: this.registry, request, status: statusCode };
    const denied = statusCode === 401 || statusCode === 403;
    return new MillinerError(
      denied ? 'REGISTRY_DENIED' : 'REGISTRY_INVALID',
      denied
        ? `${this.registry} refuses ${request}${words}`
        : `${request}: HTTP status ${statusCode}${words}`,
      { details },
    );
  }

  /** The registry's own words (distribution-spec, error codes), of which nothing is believed. */
  async #wordsOf(response: HttpResponse): Promise<string> {
    const bytes = await readBody(response, errorBytes).catch(() => undefined);
    try {
      const { errors } = JSON.parse(bytes?.toString() ?? '') as {
        errors: { code: unknown; message: unknown }[];
      };
      const text = errors.map(({ code, message }) => `${String(code)}, ${String(message)}`).join('; ');
      return `: ${this.#authorizer.redact(text).slice(0, 300)}`;
    } catch {
      return '';
    }
  }

  async #pause(failed: number, retryAfter: number): Promise<void> {
    const delay = Math.min(firstDelay * 2 ** failed, longestDelay) * (0.75 + Math.random() / 2);
    const wait = Math.max(delay, Math.min(retryAfter, longestRetryAfter));
    await sleep(wait, undefined, { signal: this.#signal }).catch((error: unknown) => {
      throw stopped(this.#signal, error);
    });
  }

  #untrusted(cause: AttemptError): MillinerError {
    return new MillinerError('REGISTRY_INSECURE', `${this.registry}: ${cause.message}`, {
      cause,
      hint: 'Have the host trust the authority that signed its certificate, or, where nobody can listen, use --plain-http.',
      details: { registry: this.registry },
    });
  }

  #unavailable(cause: AttemptError): MillinerError {
    const message = `${this.registry}: ${this.#authorizer.redact(cause.message)}`;
    if (cause.permanent) return this.invalid(message);
    return new MillinerError('REGISTRY_UNAVAILABLE', message, {
      cause,
      details: { registry: this.registry },
    });
  }
}

function stopped(signal: AbortSignal | undefined, cause: unknown): MillinerError {
  if (signal?.reason instanceof MillinerError) return signal.reason;
  return new MillinerError('INTERRUPTED', 'the exchange with the registry was stopped', { cause });
}

/** Its certificate is no good, or it speaks no TLS: waiting changes neither. */
function isUntrusted({ cause }: AttemptError): boolean {
  const { code = '' } = (cause ?? {}) as NodeJS.ErrnoException;
  return /^(?:EPROTO$|ERR_TLS_|ERR_SSL_|CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_)/.test(code);
}
