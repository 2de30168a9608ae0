/** Watches an instance for events that end its test at once: reaching a limit, and its own end. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { GroupState } from '../../lib/container/cgroups.ts';
import type { ResourceUse } from './evidence.ts';
import type { Limits } from './limit-resources.ts';
import { diskProblem, type DiskOptions } from './disk.ts';
import type { Instance } from './instance.ts';
import type { Cause, CauseCode } from './verdict.ts';

const pollMilliseconds = 200;
/** Bytes of standard output and error; a service should use a journal or a log file for more. */
const maxOutputBytes = 64 * 1024 * 1024;

export interface WatchOptions extends DiskOptions {
  instance: Instance;
  /** Number of the instance, from 1, for the causes. */
  number: number;
  limits: Limits;
  /** Bytes that it has written to its standard output and error. */
  output: () => number;
}

/** Causes in the order of their detection; the first one ended the test. */
export class Watch {
  readonly causes: Cause[] = [];
  readonly #options: WatchOptions;
  readonly #stop = new AbortController();
  readonly #over = new AbortController();
  readonly #loop: Promise<void>;
  #failure: unknown;
  /** The most processes and threads that were there at once. */
  #processes = 0;
  #written: number | undefined;
  /** Set once the instance was asked to stop, or is expected to end by itself. */
  endIsFine = false;

  constructor(options: WatchOptions) {
    this.#options = options;
    // end() throws the failure; until then it ends the test like any other cause.
    this.#loop = this.#run().catch((error: unknown) => {
      this.#failure = error;
      this.#stop.abort();
    });
    void options.instance.ended.then(({ exitCode, group }) => {
      this.#look(group);
      const how = exitCode === undefined ? 'was killed' : `exited with ${exitCode}`;
      if (!this.endIsFine) this.#add('exited', `it ${how} by itself`);
    });
  }

  /** Aborted with the first cause. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  async end(): Promise<void> {
    this.#over.abort();
    await this.#loop;
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** After the end. A kernel that does not keep the peak of processes leaves what was seen of it. */
  used({ cpuSeconds, pidsPeak, readBytes, writtenBytes }: GroupState): ResourceUse {
    const peak = Math.max(pidsPeak ?? 0, this.#processes);
    const all = {
      cpuSeconds,
      processes: peak === 0 ? undefined : peak,
      readBytes,
      writtenBytes,
      diskBytes: this.#written,
    };
    return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
  }

  async #run(): Promise<void> {
    const { instance, output } = this.#options;
    while (!this.#over.signal.aborted && !instance.hasEnded) {
      this.#look(await instance.group());
      if (output() > maxOutputBytes) {
        this.#add('too-much-output', `it wrote more than ${maxOutputBytes} bytes to its standard output`);
      }
      await this.#lookAtDisk();
      await sleep(pollMilliseconds, undefined, { signal: this.#over.signal }).catch(() => undefined);
    }
    // The instance may have filled the disk just before it ended.
    await this.#lookAtDisk();
  }

  async #lookAtDisk(): Promise<void> {
    const { instance, space, maxBytes } = this.#options;
    const left = await (instance.space ?? space)();
    this.#written = Math.max(0, maxBytes - left.bytes);
    const problem = diskProblem(left, maxBytes);
    if (problem !== undefined) this.#add('disk-full', problem);
  }

  #look({ oomKills = 0, pidsRefused = 0, memoryLimit, pidsLimit, pids = 0 }: GroupState): void {
    this.#processes = Math.max(this.#processes, pids);
    const { limits } = this.#options;
    if (oomKills > 0) {
      const limit = memoryLimit ?? limits.memory;
      this.#add(
        'out-of-memory',
        `the kernel killed a process of it for want of memory (limit ${limit} bytes)`,
      );
    }
    if (pidsRefused > 0) {
      this.#add('too-many-processes', `it wanted more than ${pidsLimit ?? limits.pids} processes`);
    }
  }

  #add(code: CauseCode, message: string): void {
    if (this.causes.some((cause) => cause.code === code)) return;
    this.causes.push({ code, message, instance: this.#options.number });
    this.#stop.abort();
  }
}
