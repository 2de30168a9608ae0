/**
 * Solves many requests in one confined process, which loads the repositories once. The process reads untrusted metadata
 * as that of confined-solve.ts does, and writes the same caches, or none.
 */
import { createHash } from 'node:crypto';
import { extname, join } from 'node:path';
import { Workers } from '../../lib/host/workers.ts';
import type { AddonInput, AddonOutput } from './addon.ts';
import { CacheScratch, wantsCache, withoutCaches } from './cache-scratch.ts';
import { answerSchema, placesOfInput } from './confined-solve.ts';

const module = join(import.meta.dirname, `session-worker${extname(import.meta.filename)}`);

/** What a process can read and write is fixed when it starts, so a request for more gets a process of its own. */
interface Process {
  reads: ReadonlySet<string>;
  scratch: CacheScratch | undefined;
  workers: Workers<AddonInput>;
}

interface SessionOptions {
  signal?: AbortSignal | undefined;
  /** Whether it writes the caches that a request wants; a plan must write nothing. */
  isCaching?: boolean;
}

export class SolverSession {
  readonly #answers = new Map<string, Promise<AddonOutput>>();
  readonly #options: SessionOptions;
  #process: Process | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: SessionOptions = {}) {
    this.#options = options;
  }

  /** As solveConfined. The same request is answered once. */
  solve(input: AddonInput): Promise<AddonOutput> {
    const asked = this.#options.isCaching ? input : { ...input, repos: input.repos.map(withoutCaches) };
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
    await this.#end();
  }

  async #ask(input: AddonInput): Promise<AddonOutput> {
    const { workers, scratch } = await this.#processFor(input);
    const inside = scratch ? scratch.inside(input) : input;
    const answer = (await workers.run(inside, answerSchema, this.#options.signal)) as AddonOutput;
    return scratch ? scratch.settle(answer) : answer;
  }

  async #processFor(input: AddonInput): Promise<Process> {
    const running = this.#process;
    const places = placesOfInput(input);
    const isWriting = input.repos.some(wantsCache);
    if (running && places.every((place) => running.reads.has(place)) && (running.scratch || !isWriting))
      return running;
    await this.#end();
    const reads = new Set([...(running?.reads ?? []), ...places]);
    const scratch = await CacheScratch.beside(input);
    const reach = { reads: [...reads], ...(scratch && { writes: scratch.directory }) };
    this.#process = { reads, scratch, workers: new Workers({ module, maxCount: 1, reach }) };
    return this.#process;
  }

  async #end(): Promise<void> {
    const running = this.#process;
    this.#process = undefined;
    await running?.workers[Symbol.asyncDispose]();
    await running?.scratch?.[Symbol.asyncDispose]();
  }
}
