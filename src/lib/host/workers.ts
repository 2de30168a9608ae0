/**
 * Worker processes for one kind of work on untrusted bytes. Each is confined to the paths that it may read and the one
 * directory that it may write. A task and its answer are one line of JSON each; a schema checks the answer.
 */
import type { Readable } from 'node:stream';
import { z } from 'zod';
import { errorTable, MillinerError, type ErrorCode } from '../errors/error.ts';
import { errorFrom, type Failure } from '../errors/wire.ts';
import { confinementFailed, startWorkerConfined, type Reach } from './confined.ts';
import { endGroup, type EndedCommand } from './exec.ts';

export interface WorkersOptions {
  /** Path of the module, which calls serveTasks of serve.ts. */
  module: string;
  /** Number of workers that may run at once. */
  maxCount: number;
  /** Number of tasks that one worker runs at once, each on a thread of its own. */
  threads?: number;
  reach: Reach;
  /** Options of node, such as its heap size. */
  flags?: readonly string[];
}

interface Waiting<Task> {
  task: Task;
  signal: AbortSignal | undefined;
  resolve: (answer: unknown) => void;
  reject: (error: unknown) => void;
}

interface Worker<Task> {
  child: ReturnType<typeof startWorkerConfined>;
  /** By number. */
  tasks: Map<number, Waiting<Task>>;
  /** Resolves when the process has ended, and all of its tasks are settled. */
  ended: Promise<void>;
  isStopped: boolean;
}

/** Bytes of an answer: the file digests of a layer, up to a million. */
const maxAnswerLength = 256 * 1024 * 1024;

const failureSchema: z.ZodType<Failure> = z.object({
  code: z.custom<ErrorCode>((code) => typeof code === 'string' && Object.hasOwn(errorTable, code)),
  message: z.string(),
  hint: z.string(),
  details: z.record(z.string(), z.unknown()).exactOptional(),
});

const id = z.int();
const lineSchema = z.union([z.object({ id, error: failureSchema }), z.object({ id, result: z.unknown() })]);

/** Gives tasks to workers, and starts workers as tasks need them. */
export class Workers<Task> {
  readonly #options: WorkersOptions;
  readonly #workers = new Set<Worker<Task>>();
  readonly #queue: Waiting<Task>[] = [];
  #count = 0;

  constructor(options: WorkersOptions) {
    this.#options = options;
  }

  /** An abort kills the worker that has the task, with its other tasks; the files that they wrote stay. */
  async run<Answer>(task: Task, form: z.ZodType<Answer>, signal?: AbortSignal): Promise<Answer> {
    const answer = await new Promise((resolve, reject) => {
      this.#queue.push({ task, signal, resolve, reject });
      this.#next();
    });
    return this.#checked(form, answer);
  }

  /** Ends the workers; tasks that still run fail. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const { reject } of this.#queue.splice(0)) reject(stopped());
    await Promise.all([...this.#workers].map((worker) => this.#stop(worker)));
  }

  #next(): void {
    while (this.#queue.length > 0) {
      const worker = this.#free();
      if (!worker) return;
      this.#give(worker, this.#queue.shift()!);
    }
  }

  #free(): Worker<Task> | undefined {
    const { maxCount, threads = 1 } = this.#options;
    const running = [...this.#workers].filter(({ isStopped }) => !isStopped);
    const least = running.toSorted((a, b) => a.tasks.size - b.tasks.size)[0];
    if (least?.tasks.size === 0) return least;
    if (least && least.tasks.size < threads && running.length === maxCount) return least;
    return running.length < maxCount ? this.#start() : undefined;
  }

  #give(worker: Worker<Task>, waiting: Waiting<Task>): void {
    const { task, signal, reject } = waiting;
    if (signal?.aborted) {
      reject(stopped());
      return;
    }
    const number = this.#count++;
    const stop = () => void this.#stop(worker);
    signal?.addEventListener('abort', stop);
    const done = () => {
      signal?.removeEventListener('abort', stop);
      worker.tasks.delete(number);
    };
    worker.tasks.set(number, {
      ...waiting,
      resolve: (answer) => (done(), waiting.resolve(answer)),
      reject: (error) => (done(), waiting.reject(error)),
    });
    worker.child.stdin.write(`${JSON.stringify({ id: number, task })}\n`);
  }

  #start(): Worker<Task> {
    const { module, reach, flags = [] } = this.#options;
    const child = startWorkerConfined(module, reach, flags);
    // A worker that has died reports it when its exit is awaited.
    child.stdin.on('error', () => undefined);
    const worker: Worker<Task> = { child, tasks: new Map(), ended: Promise.resolve(), isStopped: false };
    worker.ended = this.#follow(worker);
    this.#workers.add(worker);
    return worker;
  }

  /** Settles the worker's tasks as it answers, and what is left when it ends. */
  async #follow(worker: Worker<Task>): Promise<void> {
    let fault: unknown;
    try {
      for await (const text of linesOf(worker.child.stdout)) {
        const line = this.#checked(lineSchema, jsonOf(text));
        const waiting = worker.tasks.get(line.id);
        if ('error' in line) waiting?.reject(errorFrom(line.error));
        else waiting?.resolve(line.result);
        this.#next();
      }
    } catch (error) {
      fault = error;
    }
    const wasStopped = worker.isStopped;
    worker.isStopped = true;
    endGroup(worker.child);
    const result = await worker.child;
    for (const { reject } of worker.tasks.values())
      reject(wasStopped ? stopped() : (fault ?? this.#died(result)));
    this.#workers.delete(worker);
    this.#next();
  }

  #stop(worker: Worker<Task>): Promise<void> {
    worker.isStopped = true;
    endGroup(worker.child);
    return worker.ended;
  }

  #checked<Answer>(form: z.ZodType<Answer>, answer: unknown): Answer {
    const parsed = form.safeParse(answer);
    if (parsed.success) return parsed.data;
    throw new MillinerError('INTERNAL', `${this.#options.module}: ${parsed.error.issues[0]!.message}`);
  }

  #died(result: EndedCommand): MillinerError {
    const words = (result.stderr ?? '').slice(-4096);
    const reason = `${this.#options.module} ended in the middle of a task (${result.signal ?? result.exitCode}): ${words}`;
    return confinementFailed(result) ?? new MillinerError('INTERNAL', reason);
  }
}

/** Ends the sequence before a line that is too long. */
async function* linesOf(stream: Readable): AsyncGenerator<string, undefined> {
  let rest: Buffer[] = [];
  let size = 0;
  for await (const piece of stream as AsyncIterable<Buffer>) {
    let from = 0;
    for (let at = piece.indexOf(0x0a); at !== -1; at = piece.indexOf(0x0a, from)) {
      yield Buffer.concat([...rest, piece.subarray(from, at)]).toString('utf8');
      rest = [];
      size = 0;
      from = at + 1;
    }
    rest.push(piece.subarray(from));
    if ((size += piece.length - from) > maxAnswerLength) return undefined;
  }
  return undefined;
}

/** Undefined for invalid JSON. */
function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function stopped(): MillinerError {
  return new MillinerError('INTERRUPTED', 'a worker was stopped');
}
