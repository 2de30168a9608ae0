/**
 * The steps of a report: one that fails is told, and stops neither the others nor the night. A failure that the next
 * step would meet too ends its section, or all of them: a server that does not answer is not asked a thousand times.
 */
import { MillinerError } from '../lib/errors/error.ts';
import { failureOf, type Failure } from '../lib/errors/wire.ts';
import type { Progress } from '../lib/host/progress.ts';

const endsSection = new Set([
  'GITHUB_DENIED',
  'GITHUB_NOT_FOUND',
  'GITHUB_UNAVAILABLE',
  'GITHUB_INVALID',
  'HOST_MISSING',
]);
const endsAll = new Set(['GITHUB_RATE_LIMITED', 'GITHUB_UNAUTHENTICATED', 'GITHUB_CREDENTIALS']);

export class ReportSteps {
  readonly failures: Failure[] = [];
  readonly #progress: Progress;
  readonly #signal: AbortSignal | undefined;
  #isOver = false;

  constructor(progress: Progress, signal: AbortSignal | undefined) {
    this.#progress = progress;
    this.#signal = signal;
  }

  /** Returns whether it was done. Throws INTERRUPTED. */
  once(step: () => Promise<void>): Promise<boolean> {
    return this.each([step], (one) => one());
  }

  /** Runs the step for each item, and returns whether all were done. Throws INTERRUPTED. */
  async each<T>(items: readonly T[], step: (item: T) => Promise<void>): Promise<boolean> {
    let isWhole = true;
    for (const item of items) {
      if (this.#isOver) return false;
      try {
        await step(item);
      } catch (error) {
        isWhole = false;
        if (this.#fail(error)) return false;
      }
    }
    return isWhole;
  }

  /** Whether the section ends. */
  #fail(error: unknown): boolean {
    if (this.#signal?.aborted || !(error instanceof MillinerError)) throw error;
    this.#progress.warn(`${error.code}: ${error.message}`);
    this.failures.push(failureOf(error));
    this.#isOver = endsAll.has(error.code);
    return this.#isOver || endsSection.has(error.code);
  }
}
