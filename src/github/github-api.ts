/** One repository on GitHub: every answer is checked, every failure is an error of the table, every write is counted. */
import type { Octokit } from 'octokit';
import type { z } from 'zod';
import { MillinerError } from '../lib/errors/error.ts';
import { asGithubError } from './api-error.ts';
import type { SecretMask } from './mask-secrets.ts';

/** A type and no interface: octokit's parameters have an index. */
export type Repository = { owner: string; repo: string };

interface About {
  repository: Repository;
  mask: SecretMask;
  signal?: AbortSignal | undefined;
  /** What the installation of an App may do; undefined for tokens. */
  permissions?: Readonly<Record<string, string>> | undefined;
}

/** As octokit returns it. */
export interface Answer {
  data: unknown;
  headers?: Record<string, string | number | undefined>;
}

type Request = (octokit: Octokit, at: Repository) => Promise<Answer>;

const maxFaultLength = 300;

export class Github {
  readonly #octokit: Octokit;
  readonly #about: About;
  #writes = 0;

  constructor(octokit: Octokit, about: About) {
    this.#octokit = octokit;
    this.#about = about;
    // The innermost wrap sees repetitions too.
    octokit.hook.before('request', ({ method, url }) => {
      const isRead = method === 'GET' || method === 'HEAD' || url.endsWith('/access_tokens');
      if (!isRead) this.#writes += 1;
    });
  }

  get repository(): Repository {
    return this.#about.repository;
  }

  get permissions(): Readonly<Record<string, string>> | undefined {
    return this.#about.permissions;
  }

  /** Requests that were to change something. */
  get writes(): number {
    return this.#writes;
  }

  /** Takes the secrets of this connection out of a text. */
  mask(text: string): string {
    return this.#about.mask.mask(text);
  }

  /** One request; returns its answer as the schema reads it. */
  async ask<T>(schema: z.ZodType<T>, request: Request): Promise<T> {
    return this.read(schema, (await this.answer(request)).data);
  }

  /** One request; returns its headers too, and data that is not checked. */
  async answer(request: Request): Promise<Answer> {
    const { signal, repository } = this.#about;
    try {
      signal?.throwIfAborted();
      return await untilAborted(request(this.#octokit, repository), signal);
    } catch (error) {
      throw asGithubError(error, this.#about.mask);
    }
  }

  /** As ask; undefined where GitHub has no such thing. */
  async find<T>(schema: z.ZodType<T>, request: Request): Promise<T | undefined> {
    try {
      return await this.ask(schema, request);
    } catch (error) {
      if (error instanceof MillinerError && error.code === 'GITHUB_NOT_FOUND') return undefined;
      throw error;
    }
  }

  /** All pages of a list. Throws GITHUB_INVALID for one that is longer: what is left out would be made again. */
  async list<T>(schema: z.ZodType<T>, route: string, parameters: object, max: number): Promise<T[]> {
    const { signal, repository } = this.#about;
    const items: unknown[] = [];
    try {
      const query = { ...repository, per_page: 100, ...parameters };
      const pages = this.#octokit.paginate.iterator(`GET ${route}`, query)[Symbol.asyncIterator]();
      for (;;) {
        signal?.throwIfAborted();
        const { done, value } = await untilAborted(pages.next(), signal);
        if (done === true) break;
        // Octokit takes a conflict for an empty list, and all that is there would be made again.
        if (Object.keys(value.headers).length === 0)
          throw new MillinerError('GITHUB_CONFLICT', `${route}: GitHub cannot list them now`);
        items.push(...value.data);
        if (items.length > max)
          throw new MillinerError('GITHUB_INVALID', `GitHub lists more than ${max} of ${route}`);
      }
    } catch (error) {
      throw asGithubError(error, this.#about.mask);
    }
    return items.map((item) => this.read(schema, item));
  }

  /** An answer as the schema reads it. */
  read<T>(schema: z.ZodType<T>, data: unknown): T {
    const read = schema.safeParse(data);
    if (read.success) return read.data;
    const [fault] = read.error.issues;
    const words = `${fault?.path.join('.') ?? ''}: ${fault?.message ?? ''}`.slice(0, maxFaultLength);
    throw new MillinerError('GITHUB_INVALID', this.mask(`GitHub's answer: ${words}`));
  }
}

/** Octokit's waits know no signal. */
async function untilAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return work;
  const { promise, reject } = Promise.withResolvers<never>();
  const stop = () => reject(signal.reason as Error);
  signal.addEventListener('abort', stop, { once: true });
  try {
    return await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
