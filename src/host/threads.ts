/** Threads that do one kind of work: for what would keep the main thread, and its heap, too busy. */
import { once } from 'node:events';
import { Worker, parentPort, workerData } from 'node:worker_threads';
import { MillinerError, type ErrorCode } from '../errors.ts';

interface Told {
  code?: ErrorCode;
  message: string;
  stack?: string | undefined;
  hint?: string;
  details?: Record<string, unknown>;
}

type Answer = { result: unknown } | { error: Told };

interface Waiting<Task> {
  task: Task;
  signal: AbortSignal | undefined;
  resolve: (result: never) => void;
  reject: (error: unknown) => void;
}

/** One task at a time for each thread; threads begin with the tasks that need them. */
export class Threads<Task, Result> {
  readonly #module: string;
  readonly #most: number;
  readonly #data: unknown;
  readonly #workers = new Set<Worker>();
  readonly #idle: Worker[] = [];
  readonly #queue: Waiting<Task>[] = [];

  /** @param data what every thread is given at its start */
  constructor(module: string, most: number, data: unknown) {
    this.#module = module;
    this.#most = most;
    this.#data = data;
  }

  /** Settles when the thread has; an abort reaches the task, which then ends in its own way. */
  run(task: Task, signal?: AbortSignal): Promise<Result> {
    return new Promise<Result>((resolve, reject) => {
      this.#queue.push({ task, signal, resolve, reject });
      this.#next();
    });
  }

  /** Each ends by itself, with nothing of the addon's still at work: an environment that is torn down under it crashes. */
  async [Symbol.asyncDispose](): Promise<void> {
    const ended = [...this.#workers].map(async (worker) => {
      const exit = once(worker, 'exit');
      worker.ref();
      worker.postMessage('end', []);
      await exit;
    });
    await Promise.all(ended);
  }

  #next(): void {
    if (this.#queue.length === 0) return;
    const worker = this.#idle.pop() ?? this.#start();
    if (worker) this.#give(worker, this.#queue.shift()!);
  }

  #start(): Worker | undefined {
    if (this.#workers.size === this.#most) return undefined;
    const worker = new Worker(this.#module, { workerData: this.#data });
    this.#workers.add(worker);
    // It keeps nobody from ending who does not wait for it.
    worker.unref();
    return worker;
  }

  #give(worker: Worker, { task, signal, resolve, reject }: Waiting<Task>): void {
    const stop = () => worker.postMessage('stop', []);
    const settle = (answer: Answer) => {
      forget();
      this.#idle.push(worker);
      if ('result' in answer) resolve(answer.result as never);
      else reject(errorOf(answer.error));
      this.#next();
    };
    const fail = (error: unknown) => {
      forget();
      this.#workers.delete(worker);
      reject(error);
      this.#next();
    };
    const ended = () => fail(new MillinerError('INTERNAL', `${this.#module} ended in the middle of a task`));
    const forget = () => {
      signal?.removeEventListener('abort', stop);
      worker.off('message', settle).off('error', fail).off('exit', ended).unref();
    };
    worker.ref();
    worker.on('message', settle).on('error', fail).on('exit', ended);
    worker.postMessage({ task }, []);
    signal?.addEventListener('abort', stop);
    if (signal?.aborted) stop();
  }
}

function errorOf({ code, message, stack, ...options }: Told): Error {
  if (code !== undefined) return new MillinerError(code, message, options);
  return Object.assign(new Error(message), { stack });
}

/** The thread's side: answers each task with what `work` gives or throws. */
export function serveTasks(
  work: (task: unknown, data: unknown, signal: AbortSignal) => Promise<unknown>,
): void {
  const port = parentPort!;
  const answer = (message: Answer) => port.postMessage(message, []);
  let stop = new AbortController();
  port.on('message', (message: 'stop' | 'end' | { task: unknown }) => {
    if (message === 'end') {
      port.close();
      return;
    }
    if (message === 'stop') {
      stop.abort(new MillinerError('INTERRUPTED', 'a thread was stopped'));
      return;
    }
    stop = new AbortController();
    void work(message.task, workerData, stop.signal).then(
      (result) => answer({ result }),
      (error: unknown) => answer({ error: toldOf(error) }),
    );
  });
}

function toldOf(error: unknown): Told {
  if (error instanceof MillinerError) {
    const { code, message, hint, details } = error;
    return { code, message, hint, details };
  }
  const { message, stack } = error as Error;
  return { message, stack };
}
