/** An image whose check passes only where the test, on the host, has touched its instance: the image itself is sound. */
import { appendFile, glob, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { join } from 'node:path';

/** The line that the check looks for in /etc/hosts, which each instance has of its own. */
const line = '127.0.0.1 felt\n';

/**
 * Its first process ends with 9 where another boot has left its mark in the tree. The check takes the line that the test
 * adds; it is there within seconds, or never.
 */
export function flakyRecipe(retries: number, seconds: number): Record<string, unknown> {
  const program = `[ -e /mark ] && exit 9; : >/mark; echo marked; trap 'exit 0' TERM; while :; do sleep 0.1; done`;
  const check = { exec: ['/bin/sh', '-c', 'grep -q felt /etc/hosts || { echo no felt; exit 3; }'] };
  return {
    config: { entrypoint: ['/bin/sh', '-c', program], stopSignal: 'SIGTERM' },
    test: {
      init: false,
      checks: [{ ...check, timeout: `${seconds}s`, interval: '200ms' }],
      settle: '0s',
      retries,
    },
  };
}

/** Instances of a state, in the order in which they started. */
export class FlakyInstances implements AsyncDisposable {
  readonly seen: string[] = [];
  readonly #state: string;
  readonly #failing: number;
  readonly #watching: Promise<void>;
  #isOver = false;

  /** The checks of all instances pass, but for those of the first `failing`. */
  constructor(state: string, failing: number) {
    this.#state = state;
    this.#failing = failing;
    this.#watching = this.#watch();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    await this.#watching;
  }

  async #watch(): Promise<void> {
    while (!this.#isOver) {
      for await (const hosts of glob(join(this.#state, 'work', '*.d', 'files', 'hosts'))) {
        if (!this.seen.includes(hosts)) this.seen.push(hosts);
        if (this.seen.indexOf(hosts) >= this.#failing) await touch(hosts);
      }
      await sleep(50);
    }
  }
}

/** The instance may end, or write its own lines, at any moment. */
async function touch(hosts: string): Promise<void> {
  const text = await readFile(hosts, 'utf8').catch(() => '');
  if (text !== '' && !text.includes(line)) await appendFile(hosts, line).catch(() => undefined);
}
