/** Tells the lines of an instance's journal as they come, in any backend: by asking for what is new. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Instance } from './instance.ts';
import { askTimeout } from './units.ts';

const pollMilliseconds = 1000;
/** Lines of one answer: the newest. */
const maxLines = 2000;
const maxCharacters = 4096;

export class JournalFollower {
  readonly #instance: Instance;
  readonly #onLine: (line: string) => void;
  readonly #signal: AbortSignal;
  readonly #over = new AbortController();
  readonly #loop: Promise<void>;
  #cursor: string | undefined;

  constructor(instance: Instance, onLine: (line: string) => void, signal: AbortSignal) {
    this.#instance = instance;
    this.#onLine = onLine;
    this.#signal = signal;
    this.#loop = this.#follow();
    // end() throws the failure.
    this.#loop.catch(() => undefined);
  }

  /** Returns when the last lines are told. */
  async end(): Promise<void> {
    this.#over.abort();
    await this.#loop;
  }

  async #follow(): Promise<void> {
    for (let isLast = false; !isLast && !this.#signal.aborted;) {
      isLast = this.#over.signal.aborted;
      if (this.#instance.hasEnded) return;
      await this.#look();
      const woken = AbortSignal.any([this.#over.signal, this.#signal]);
      if (!isLast) await sleep(pollMilliseconds, undefined, { signal: woken }).catch(() => undefined);
    }
  }

  async #look(): Promise<void> {
    const after = this.#cursor === undefined ? [] : [`--after-cursor=${this.#cursor}`];
    const args = ['journalctl', '--no-pager', '-o', 'short-monotonic', '--show-cursor', ...after];
    const program = [...args, '-n', String(maxLines)];
    const { exitCode, stdout } = await this.#instance.exec(program, {
      timeout: askTimeout,
      signal: this.#signal,
    });
    // There is no journal yet.
    if (exitCode !== 0) return;
    for (const line of stdout.split('\n')) {
      if (line.startsWith(cursorMark)) this.#cursor = line.slice(cursorMark.length, maxCharacters);
      else if (line !== '' && !line.startsWith('-- ')) this.#onLine(line.slice(0, maxCharacters));
    }
  }
}

const cursorMark = '-- cursor: ';
