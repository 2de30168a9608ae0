/** Waits for GitHub's rate limits, as long as all waits together stay below what the operator allows. */
import type { Progress } from '../lib/host/progress.ts';

/** Milliseconds. */
const defaultMaxWait = 10 * 60_000;
/** A limit that comes back at once after each wait would hold a command forever. */
const maxRepeats = 3;

export class RateLimitWaits {
  readonly #progress: Progress;
  readonly #maxWait: number;
  #waited = 0;

  constructor(progress: Progress, maxWait: number = defaultMaxWait) {
    this.#progress = progress;
    this.#maxWait = maxWait;
  }

  /** Whether octokit is to wait so many seconds and to ask again. */
  allow(kind: 'primary' | 'secondary', seconds: number, repeats: number): boolean {
    const milliseconds = seconds * 1000;
    if (repeats >= maxRepeats || this.#waited + milliseconds > this.#maxWait) return false;
    this.#waited += milliseconds;
    const until = new Date(Date.now() + milliseconds).toISOString();
    this.#progress.step(`GitHub's ${kind} rate limit is used up: waiting ${seconds} s, until ${until}`);
    return true;
  }
}
