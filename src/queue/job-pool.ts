/**
 * The processes of a worker's jobs. One that has ended its job well waits for the next job of its group: starting Node
 * and loading the stages takes longer than many a job.
 */
import { extname, join } from 'node:path';
import { startModule } from '../lib/host/exec.ts';
import { LineSplitter } from '../lib/host/lines.ts';
import type { Stage, StageJob } from './job.ts';
import type { JobMessage, WorkerMessage } from './messages.ts';

/** Jobs that one process does, and milliseconds of its life: a leak ends with the process. */
const maxJobs = 50;
const maxAge = 15 * 60_000;
/** Milliseconds that a process waits for its next job. */
const maxIdle = 30_000;
const maxStderrLines = 20;
const child = join(import.meta.dirname, `job-process${extname(import.meta.filename)}`);

/**
 * Jobs of one group may follow each other in a process. What builds has read packages and recipes, so it never signs;
 * and a process serves one submitter, one key and one exchange alone.
 */
export function groupOf({ stage, submitter, data: { key, exchange, plainHttp } }: StageJob): string {
  const isBuild = (['lock', 'build'] satisfies Stage[] as Stage[]).includes(stage);
  return JSON.stringify([submitter, exchange, plainHttp, isBuild, isBuild ? '' : key]);
}

export class JobProcess {
  readonly group: string;
  /** Resolves with the exit code or signal. */
  readonly ended: Promise<string>;
  readonly #child = startModule(child);
  readonly #started = Date.now();
  #isOver = false;
  #jobs = 0;
  /** The last lines that its job has written. */
  stderrLines: string[] = [];
  #onMessage: (message: JobMessage) => void = () => {};

  constructor(group: string) {
    this.group = group;
    const lines = new LineSplitter(
      (line) => this.stderrLines.push(line) > maxStderrLines && this.stderrLines.shift(),
    );
    this.#child.stderr?.on('data', (chunk: Buffer) => lines.push(chunk));
    this.#child.on('message', (message) => this.#onMessage(message as JobMessage));
    this.ended = this.#endOf();
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Whether it may take another job. */
  get isYoung(): boolean {
    return this.#child.connected && this.#jobs < maxJobs && Date.now() - this.#started < maxAge;
  }

  beginJob(onMessage: (message: JobMessage) => void): void {
    this.#jobs += 1;
    this.stderrLines = [];
    this.#onMessage = onMessage;
  }

  send(message: WorkerMessage): void {
    if (this.#child.connected) this.#child.send(message);
  }

  terminate(): void {
    this.#child.kill('SIGTERM');
  }

  /**
   * Waits for the end of all channels, because `exit` may come before the last message. A process that cannot be started
   * has no `close`. A message to one that has just ended fails too, and its `close` says more.
   */
  #endOf(): Promise<string> {
    const { promise, resolve } = Promise.withResolvers<string>();
    const end = (how: string) => {
      this.#isOver = true;
      resolve(how);
    };
    this.#child.once('close', (code, signal) => end(signal ?? `exit code ${code}`));
    this.#child.on('error', (error) => this.pid === undefined && end(error.message));
    return promise;
  }
}

export class JobPool {
  readonly #idle = new Map<JobProcess, NodeJS.Timeout>();
  #isClosed = false;

  /** One of the group that waits, or a new one. */
  take(group: string): JobProcess {
    for (const [waiting, timer] of this.#idle) {
      if (waiting.group !== group || !waiting.isYoung) continue;
      clearTimeout(timer);
      this.#idle.delete(waiting);
      return waiting;
    }
    return new JobProcess(group);
  }

  /** Takes back a process whose job has ended well; one that is too old ends. */
  giveBack(done: JobProcess): void {
    if (this.#isClosed || !done.isYoung) return done.terminate();
    const timer = setTimeout(() => this.#dismiss(done), maxIdle).unref();
    this.#idle.set(done, timer);
    void done.ended.then(() => this.#dismiss(done));
  }

  /** Ends those that wait; those at work end with their jobs. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const waiting = [...this.#idle.keys()];
    for (const one of waiting) this.#dismiss(one);
    await Promise.all(waiting.map(({ ended }) => ended));
  }

  #dismiss(one: JobProcess): void {
    clearTimeout(this.#idle.get(one));
    if (this.#idle.delete(one)) one.terminate();
  }
}
