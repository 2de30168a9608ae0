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

interface Worker {
  child: ReturnType<typeof startWorkerConfined>;
  answers: AsyncIterator<string>;
}

/** Bytes of an answer: the file digests of a layer, up to a million. */
const maxAnswerLength = 256 * 1024 * 1024;

const failureSchema: z.ZodType<Failure> = z.object({
  code: z.custom<ErrorCode>((code) => typeof code === 'string' && Object.hasOwn(errorTable, code)),
  message: z.string(),
  hint: z.string(),
  details: z.record(z.string(), z.unknown()).exactOptional(),
});

const lineSchema = z.union([z.object({ result: z.unknown() }), z.object({ error: failureSchema })]);

/** Runs one task at a time in each worker, and starts workers as tasks need them. */
export class Workers<Task> {
  readonly #options: WorkersOptions;
  readonly #idle: Worker[] = [];
  readonly #queue: Waiting<Task>[] = [];
  #running = 0;
  #isOver = false;

  constructor(options: WorkersOptions) {
    this.#options = options;
  }

  /** An abort kills the worker that has the task; the files that it wrote stay. */
  async run<Answer>(task: Task, form: z.ZodType<Answer>, signal?: AbortSignal): Promise<Answer> {
    const answer = await new Promise((resolve, reject) => {
      this.#queue.push({ task, signal, resolve, reject });
      this.#next();
    });
    return this.#checked(form, answer);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#idle.splice(0).map(end));
  }

  #next(): void {
    if (this.#queue.length === 0 || this.#running === this.#options.maxCount) return;
    this.#running++;
    const waiting = this.#queue.shift()!;
    void this.#do(waiting)
      .then(waiting.resolve, waiting.reject)
      .finally(() => {
        this.#running--;
        this.#next();
      });
  }

  async #do({ task, signal }: Waiting<Task>): Promise<unknown> {
    if (signal?.aborted) throw stopped();
    const worker = this.#idle.pop() ?? this.#start();
    const stop = () => endGroup(worker.child);
    signal?.addEventListener('abort', stop);
    try {
      worker.child.stdin.write(`${JSON.stringify(task)}\n`);
      const { value, done } = await worker.answers.next();
      if (done === true) throw this.#ended(await worker.child, signal);
      const line = this.#checked(lineSchema, jsonOf(value));
      if (!this.#isOver) this.#idle.push(worker);
      if ('error' in line) throw errorFrom(line.error);
      return line.result;
    } finally {
      signal?.removeEventListener('abort', stop);
      if (!this.#idle.includes(worker)) await end(worker);
    }
  }

  #checked<Answer>(form: z.ZodType<Answer>, answer: unknown): Answer {
    const parsed = form.safeParse(answer);
    if (parsed.success) return parsed.data;
    throw new MillinerError('INTERNAL', `${this.#options.module}: ${parsed.error.issues[0]!.message}`);
  }

  #start(): Worker {
    const { module, reach, flags = [] } = this.#options;
    const child = startWorkerConfined(module, reach, flags);
    // A worker that has died reports it when its exit is awaited.
    child.stdin.on('error', () => undefined);
    return { child, answers: linesOf(child.stdout) };
  }

  #ended(result: EndedCommand, signal: AbortSignal | undefined): MillinerError {
    if (signal?.aborted) return stopped();
    const words = (result.stderr ?? '').slice(-4096);
    const reason = `${this.#options.module} ended in the middle of a task (${result.signal ?? result.exitCode}): ${words}`;
    return confinementFailed(result) ?? new MillinerError('INTERNAL', reason);
  }
}

async function end({ child }: Worker): Promise<void> {
  endGroup(child);
  await child;
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
