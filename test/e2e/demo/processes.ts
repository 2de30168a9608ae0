/** Looks at all processes of the host, over and over, for what they may not show: their arguments are everybody's. */
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { cli } from '../../helpers/milliner.ts';
import type { Secrets } from './secrets.ts';

const pauseMilliseconds = 10;

export interface Seen {
  /** Different command lines, the blanks between arguments as they are for people. */
  commands: Set<string>;
  /** Secrets in arguments, and in the environment of programs that were not given it. */
  leaks: string[];
}

export class ProcessWatch {
  readonly #secrets: Secrets;
  readonly #seen: Seen = { commands: new Set(), leaks: [] };
  readonly #ended: Promise<void>;
  /** What was looked at already. */
  readonly #known = new Map<string, string>();
  #stopped = false;

  constructor(secrets: Secrets) {
    this.#secrets = secrets;
    this.#ended = this.#watch();
  }

  async stop(): Promise<Seen> {
    this.#stopped = true;
    await this.#ended;
    return this.#seen;
  }

  async #watch(): Promise<void> {
    while (!this.#stopped) {
      for (const name of readdirSync('/proc')) if (/^\d+$/.test(name)) this.#look(name);
      await sleep(pauseMilliseconds);
    }
  }

  #look(pid: string): void {
    const commandLine = read(pid, 'cmdline');
    const command = commandLine.toString().replaceAll('\0', ' ').trim();
    if (!this.#seen.commands.has(command)) this.#note(command, 'its arguments', commandLine);
    this.#seen.commands.add(command);
    if (this.#known.get(pid) === command) return;
    this.#known.set(pid, command);
    // Until it calls exec, a child has its parent's arguments as well.
    if (!command.includes(cli)) this.#note(command, 'its environment', read(pid, 'environ'));
  }

  #note(command: string, where: string, content: Buffer): void {
    for (const name of this.#secrets.in(content)) this.#seen.leaks.push(`${name} in ${where}: ${command}`);
  }
}

/** Nothing, where it has ended. Not through the thread pool, which takes several times as long for as little as this. */
function read(pid: string, file: string): Buffer {
  try {
    return readFileSync(`/proc/${pid}/${file}`);
  } catch {
    return Buffer.alloc(0);
  }
}
