/**
 * Solves many requests in one confined process, which loads the repositories once. The process reads untrusted metadata
 * as that of confined-solve.ts does, and has fewer rights: it writes no cache.
 */
import { createHash } from 'node:crypto';
import { extname, join } from 'node:path';
import { Workers } from '../../lib/host/workers.ts';
import type { AddonInput, AddonOutput, AddonRepository } from './addon.ts';
import { answerSchema, placesOfInput } from './confined-solve.ts';

const module = join(import.meta.dirname, `session-worker${extname(import.meta.filename)}`);

/** What a process can read is fixed when it starts, so a request that reads more gets a process of its own. */
interface Process {
  reads: ReadonlySet<string>;
  workers: Workers<AddonInput>;
}

export class SolverSession {
  readonly #answers = new Map<string, Promise<AddonOutput>>();
  readonly #signal: AbortSignal | undefined;
  #process: Process | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(signal?: AbortSignal) {
    this.#signal = signal;
  }

  /** As solveConfined, but for caches. The same request is answered once. */
  solve(input: AddonInput): Promise<AddonOutput> {
    const asked = { ...input, repos: input.repos.map(withoutCaches) };
    const key = createHash('sha256').update(JSON.stringify(asked)).digest('base64');
    const known = this.#answers.get(key);
    if (known) return known;
    // In turn: a request that follows one with the same repositories and packages needs no loading.
    const answer = this.#last.then(() => this.#ask(asked));
    this.#last = answer.catch(() => undefined);
    this.#answers.set(key, answer);
    return answer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#last;
    await this.#process?.workers[Symbol.asyncDispose]();
  }

  async #ask(input: AddonInput): Promise<AddonOutput> {
    const { workers } = await this.#processFor(placesOfInput(input));
    return (await workers.run(input, answerSchema, this.#signal)) as AddonOutput;
  }

  async #processFor(places: readonly string[]): Promise<Process> {
    const running = this.#process;
    if (running && places.every((place) => running.reads.has(place))) return running;
    await running?.workers[Symbol.asyncDispose]();
    const reads = new Set([...(running?.reads ?? []), ...places]);
    this.#process = { reads, workers: new Workers({ module, maxCount: 1, reach: { reads: [...reads] } }) };
    return this.#process;
  }
}

function withoutCaches(repository: AddonRepository): AddonRepository {
  const { cachePrimary: _primary, cacheFilelists: _filelists, ...rest } = repository;
  return rest;
}
