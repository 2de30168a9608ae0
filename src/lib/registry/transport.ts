/**
 * Requests to one registry: authorization, redirects, retries, and errors. Transient failures (a lost connection, 408,
 * 429, 5xx) are retried for about a minute; others are reported at once.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { MillinerError } from '../errors/error.ts';
import { AddressRefused } from '../http/reach.ts';
import { AttemptError, send, showUrl, statusError } from '../http/request.ts';
import type { HttpRequest, HttpResponse } from '../http/request.ts';
import { isUntrusted, isPlainServer } from '../http/tls.ts';
import { Authorizer } from './auth.ts';
import { readBody } from './body.ts';
import { ReadBudget } from './budget.ts';
import type { Credentials } from './credentials.ts';
import type { Endpoint } from './endpoint.ts';
import type { ReadRecord } from './read-record.ts';
import { RegistryQuirks } from './registry-quirks.ts';
import { apiHost } from './reference.ts';

export interface TransportOptions {
  /** Host and port, as in a reference. */
  registry: string;
  /** Its address; default: its own name, with TLS. */
  endpoint?: Endpoint | undefined;
  credentials?: Credentials | undefined;
  signal?: AbortSignal | undefined;
  /** How often a request is made while its failures are transient; default 8, over about a minute. */
  attempts?: number | undefined;
  /**
   * Ask for push rights from the first request on, as podman does. Such a request may create the repository, and before
   * that reading it is refused (Quay).
   */
  pushes?: boolean | undefined;
  /** Memory that its responses may use; by default a bound of ReadBudget's. */
  budget?: ReadBudget | undefined;
  /** Gets the digests of all that is read. */
  reads?: ReadRecord | undefined;
  /** Called with one sentence about each retry, and each fallback to another way. */
  report?: ((sentence: string) => void) | undefined;
}

export interface Ask {
  method: NonNullable<HttpRequest['method']>;
  /** Relative to the registry's origin, or a URL that the registry sent. */
  url: string | URL;
  /** The repository and the actions that the token must allow. */
  repository: string;
  access: 'pull' | 'push' | 'delete';
  /** Another repository to read from, for a mount. */
  readsAlso?: string;
  /** Statuses to return; all others are errors. */
  expect: readonly number[];
  headers?: Record<string, string> | undefined;
  /** Made again for each attempt. */
  body?: (() => Uint8Array | AsyncIterable<Uint8Array>) | undefined;
  headersTimeout?: number | undefined;
}

/** Milliseconds; each wait is twice as long as the one before. */
const firstDelay = 250;
const maxDelay = 15_000;
/** Milliseconds; a longer Retry-After is shortened to this. */
const maxRetryAfter = 60_000;
const maxRedirects = 5;
const redirects = [301, 302, 303, 307, 308];
const errorBytes = 64 * 1024;
/** Statuses by which a server shows that it is a registry. */
const presentStatuses = [200, 401, 403];
/** A method or an HTTP version that the server lacks: a retry cannot succeed. */
const unsupportedStatuses = [501, 505];

export class Transport {
  readonly registry: string;
  readonly quirks: RegistryQuirks;
  readonly #endpoint: Endpoint;
  readonly #origin: string;
  readonly #authorizer: Authorizer;
  readonly #options: TransportOptions;
  readonly #signal: AbortSignal | undefined;
  readonly #attempts: number;
  readonly #budget: ReadBudget;

  constructor(options: TransportOptions, shared?: { authorizer: Authorizer; quirks: RegistryQuirks }) {
    this.registry = options.registry;
    this.quirks = shared?.quirks ?? new RegistryQuirks();
    this.#endpoint = options.endpoint ?? { origin: `https://${apiHost(options.registry)}` };
    this.#origin = new URL(this.#endpoint.origin).origin;
    this.#authorizer = shared?.authorizer ?? new Authorizer(this.#endpoint, options.credentials);
    this.#options = options;
    this.#signal = options.signal;
    this.#attempts = options.attempts ?? 8;
    this.#budget = options.budget ?? new ReadBudget();
  }

  /** The same registry, with shared tokens and quirks. */
  with(others: Pick<TransportOptions, 'signal' | 'attempts' | 'budget' | 'reads'>): Transport {
    const shared = { authorizer: this.#authorizer, quirks: this.quirks };
    return new Transport({ ...this.#options, budget: this.#budget, ...others }, shared);
  }

  get reads(): ReadRecord | undefined {
    return this.#options.reads;
  }

  report(sentence: string): void {
    this.#options.report?.(sentence);
  }

  /** Retries until there is a response and its body is read; a broken body is requested again. */
  async ask<T>(ask: Ask, read: (response: HttpResponse) => Promise<T>): Promise<T> {
    return this.persist(this.#show(ask), () => this.attempt(ask, read));
  }

  /**
   * Repeats fn while its failures are transient, and as long as each attempt gets further than all before. `what`
   * describes it in messages about retries. Throws REGISTRY_UNAVAILABLE with the last reason, INTERRUPTED.
   */
  async persist<T>(what: string, fn: () => Promise<T>, progress: () => number = () => 0): Promise<T> {
    let sentBytes = 0;
    for (let failed = 0; ; failed++) {
      try {
        return await fn();
      } catch (error) {
        if (this.#signal?.aborted) throw stopped(this.#signal, error);
        if (!(error instanceof AttemptError)) throw error;
        if (error.cause instanceof AddressRefused) throw this.#unreachable(error);
        if (isUntrusted(error.cause) || isPlainServer(error.cause)) throw this.#untrusted(error);
        if (progress() > sentBytes) failed = 0;
        sentBytes = Math.max(sentBytes, progress());
        if (error.permanent || failed + 1 >= this.#attempts) throw this.#unavailable(what, error);
        const wait = waitAfter(failed, error.retryAfter);
        const next = `attempt ${failed + 2} of ${this.#attempts} in ${(wait / 1000).toFixed(1)} s`;
        this.report(`${what}: ${this.#authorizer.redact(error.message)}; ${next}`);
        await this.#pause(wait);
      }
    }
  }

  /** One attempt: throws AttemptError for a transient failure, MillinerError for a permanent one. */
  async attempt<T>(ask: Ask, read: (response: HttpResponse) => Promise<T>): Promise<T> {
    const response = await this.#authorized(ask);
    if (ask.expect.includes(response.statusCode)) return read(response);
    throw await this.#refusal(ask, response);
  }

  /** Reads a whole response whose size the registry decides. Throws REGISTRY_EXCESS, and the errors of readBody. */
  read(response: HttpResponse, maxBytes: number, tooLong?: () => Error): Promise<Buffer> {
    return readBody(response, maxBytes, tooLong, (bytes) => this.#budget.spend(bytes));
  }

  /** The target of a redirect; one without TLS only if the registry has none either. */
  follow(location: string | string[] | undefined, from: string | URL): URL {
    const base = new URL(from, this.#origin);
    if (typeof location !== 'string' || !URL.canParse(location, base.href)) {
      throw this.invalid(`${showUrl(base.href)} does not say where to continue`);
    }
    const target = new URL(location, base);
    if (target.protocol !== 'https:' && target.protocol !== new URL(this.#origin).protocol) {
      throw new MillinerError('REGISTRY_INSECURE', `${this.registry} redirects to ${showUrl(target.href)}`, {
        details: { registry: this.registry, location: showUrl(target.href) },
      });
    }
    return target;
  }

  /** Throws REGISTRY_INVALID if the server does not answer as a registry does (distribution specification, "API"). */
  async ping(): Promise<void> {
    const url = new URL('/v2/', this.#origin);
    const what = `GET ${showUrl(url.href)}`;
    const { statusCode } = await this.persist(what, async () => {
      const { response } = await this.#redirected({ method: 'GET', url, expect: presentStatuses }, url, {});
      await response.body.dump();
      const failure = statusError(response);
      if (response.statusCode >= 400 && !failure.permanent) throw failure;
      return response;
    });
    if (presentStatuses.includes(statusCode)) return;
    throw this.invalid(`${this.registry} is not a registry: ${what} answers HTTP status ${statusCode}`, {
      status: statusCode,
    });
  }

  /** The error for a registry that violates the protocol. */
  invalid(message: string, details: Record<string, unknown> = {}): MillinerError {
    return new MillinerError('REGISTRY_INVALID', message, {
      details: { registry: this.registry, ...details },
    });
  }

  /**
   * Two rounds at most: with no authorization or an old token, then with a fresh one. Only the registry itself may name
   * the token server, which gets the credentials, not a storage server that it redirects to.
   */
  async #authorized(ask: Ask): Promise<HttpResponse> {
    const target = new URL(ask.url, this.#origin);
    const scope = this.#scopeOf(ask);
    for (let round = 0; ; round++) {
      const authorization = await this.#authorizer.header(target, scope, this.#budget, this.#signal);
      const { response, origin } = await this.#redirected(ask, target, authorization);
      if (response.statusCode !== 401 || round > 0 || origin !== this.#origin) return response;
      const sent = authorization['authorization'];
      if (!(await this.#authorizer.accept(response, scope, sent))) return response;
      await response.body.dump();
    }
  }

  /** The scope of the token (distribution's docs/spec/auth/scope.md), parts separated by blanks. */
  #scopeOf({ repository, access, readsAlso }: Ask): string {
    const pushes = access === 'push' || this.#options.pushes;
    const actions = ['pull', ...(pushes ? ['push'] : []), ...(access === 'delete' ? ['delete'] : [])].join(
      ',',
    );
    const also = readsAlso === undefined ? '' : ` repository:${readsAlso}:pull`;
    return `repository:${repository}:${actions}${also}`;
  }

  #show({ method, url }: Ask): string {
    return `${method} ${showUrl(new URL(url, this.#origin).href)}`;
  }

  /** The response, and the origin that sent it. */
  async #redirected(
    ask: Pick<Ask, 'method' | 'url' | 'expect' | 'headers' | 'body' | 'headersTimeout'>,
    first: URL,
    authorization: Record<string, string>,
  ): Promise<{ response: HttpResponse; origin: string }> {
    let target = first;
    for (let hop = 0; hop <= maxRedirects; hop++) {
      // A storage server behind a redirect must not get the registry's credentials, and may reject them.
      const own = target.origin === first.origin ? authorization : {};
      const response = await send(target, {
        method: ask.method,
        headers: { ...ask.headers, ...own },
        body: ask.body?.(),
        signal: this.#signal,
        headersTimeout: ask.headersTimeout,
        tls: target.origin === this.#origin ? this.#endpoint.tls : undefined,
        isForeignOrigin: target.origin !== this.#origin,
      });
      const { statusCode, headers } = response;
      const answer = { response, origin: target.origin };
      if (ask.expect.includes(statusCode) || !redirects.includes(statusCode)) return answer;
      // A redirect that turns a request with a body into a GET cannot be followed by an upload.
      if (statusCode < 307 && ask.method !== 'GET' && ask.method !== 'HEAD') return answer;
      await response.body.dump();
      target = this.follow(headers.location, target);
    }
    throw this.invalid(`${showUrl(first.href)} redirects more than ${maxRedirects} times`);
  }

  async #refusal(ask: Ask, response: HttpResponse): Promise<Error> {
    const { statusCode } = response;
    const failure = statusError(response);
    const words = await this.wordsOf(response);
    if (!failure.permanent || (statusCode >= 500 && !unsupportedStatuses.includes(statusCode))) {
      return new AttemptError(`${failure.message}${words}`, { retryAfter: failure.retryAfter });
    }
    const request = this.#show(ask);
    const details = { registry: this.registry, request, status: statusCode };
    if (statusCode !== 401 && statusCode !== 403) {
      return new MillinerError('REGISTRY_INVALID', `${request}: HTTP status ${statusCode}${words}`, {
        details,
      });
    }
    return new MillinerError('REGISTRY_DENIED', `${this.registry} refuses ${request}${words}`, {
      details,
      hint: this.#authorizer.advice(statusCode),
    });
  }

  /** The registry's own message (distribution-spec, error codes), only for people. */
  async wordsOf(response: HttpResponse): Promise<string> {
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

  async #pause(milliseconds: number): Promise<void> {
    await sleep(milliseconds, undefined, { signal: this.#signal }).catch((error: unknown) => {
      throw stopped(this.#signal, error);
    });
  }

  #unreachable(cause: AttemptError): MillinerError {
    return new MillinerError('ADDRESS_REFUSED', `${this.registry}: ${cause.message}`, {
      cause,
      details: { registry: this.registry },
    });
  }

  #untrusted(cause: AttemptError): MillinerError {
    return new MillinerError('REGISTRY_INSECURE', `${this.registry}: ${cause.message}`, {
      cause,
      hint: 'Have the host trust the authority that signed its certificate. On a network where nobody can listen, use --plain-http.',
      details: { registry: this.registry },
    });
  }

  #unavailable(what: string, cause: AttemptError): MillinerError {
    const message = `${this.registry}: ${what}: ${this.#authorizer.redact(cause.message)}`;
    if (cause.permanent) return this.invalid(message);
    return new MillinerError('REGISTRY_UNAVAILABLE', message, {
      cause,
      details: { registry: this.registry },
    });
  }
}

/** Milliseconds: twice as long each time, or as long as the registry asks. */
function waitAfter(failed: number, retryAfter: number): number {
  const delay = Math.min(firstDelay * 2 ** failed, maxDelay) * (0.75 + Math.random() / 2);
  return Math.max(delay, Math.min(retryAfter, maxRetryAfter));
}

function stopped(signal: AbortSignal | undefined, cause: unknown): MillinerError {
  if (signal?.reason instanceof MillinerError) return signal.reason;
  return new MillinerError('INTERRUPTED', 'the exchange with the registry was stopped', { cause });
}
