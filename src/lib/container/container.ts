/** Runs one program in a container of its own, to its end. */
import type { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { MillinerError } from '../errors/error.ts';
import { LineSplitter } from '../host/lines.ts';
import { readGroup } from './cgroups.ts';
import { specification, type ContainerSpecification } from './runtime-spec.ts';
import { findRuntime, removeContainer, signalContainer, startContainer, type Container } from './runtime.ts';
import { prepareTracing, type Trace } from './trace.ts';

export interface ContainerOptions extends ContainerSpecification, Container {
  /** Milliseconds; a longer run throws LIMIT_EXCEEDED. */
  timeout: number;
  /** Called with each line, cut to 4096 characters; such output is not in the result. */
  onStdout?: (line: string) => void;
  onStderr?: (line: string) => void;
  /** Called with each piece of stderr as it arrives. */
  onStderrBytes?: (chunk: Buffer) => void;
  /**
   * Called at the end of the container, also after a failure, with the programs that its first process started. The
   * output of these programs is separate from that of the first process, so neither can fake lines of the other.
   */
  onTrace?: (trace: Trace) => void;
  /** With `onTrace`: called with each line of those programs. */
  onProgramLine?: (line: string) => void;
  /** Whether the disk that it writes to is full; polled, and asked once more at the end. */
  isDiskFull?: () => Promise<boolean>;
  signal?: AbortSignal | undefined;
}

export interface ContainerResult {
  exitCode: number;
  stdout: string;
  stderr: string;
}

/** Bytes that a program may write to standard output and error together. */
const maxOutputBytes = 64 * 1024 * 1024;

/** Throws INTERRUPTED, or LIMIT_EXCEEDED where the program runs too long, writes too much, fills its disk or needs too much memory. */
export async function runContainer(options: ContainerOptions): Promise<ContainerResult> {
  options.signal?.throwIfAborted();
  const failed = new AbortController();
  // Programs are traced without onTrace too, because traced processes die when Milliner dies.
  const tracing = prepareTracing(options, () => failed.abort());
  try {
    const config = await specification({ ...options, hooks: tracing.hooks });
    const { child } = await startContainer(options, {
      config,
      streaming: options.onStdout !== undefined,
      counted: true,
      ...(tracing.handed !== undefined && { handed: tracing.handed }),
    });
    const kill = () => {
      tracing.release();
      void killContainer(options, child);
    };
    const stop = stopper(options, kill);
    failed.signal.addEventListener('abort', kill);
    if (failed.signal.aborted) kill();
    const output = [
      follow(child.stdout, stop.onOutput, options.onStdout),
      follow(child.stderr, stop.onOutput, options.onStderr),
      ...(tracing.words ? [follow(tracing.words, stop.onOutput, options.onProgramLine)] : []),
    ];
    if (options.onStderrBytes) child.stderr.on('data', options.onStderrBytes);
    const result = await child.finally(() => stop.end());
    const trace = await tracing.finish();
    if (tracing.words) await finished(tracing.words);
    for (const splitter of output) splitter.end();
    if (trace) options.onTrace?.(trace);
    if (stop.error) throw stop.error;
    if (await options.isDiskFull?.()) throw diskFull(options.args, stop.diskSeen);
    // The kernel may have killed a helper of a scriptlet, whose exit status no program checked.
    if ((await readGroup(options.id)).oomKills) {
      throw limitExceeded(options.args, 'memory', `${options.memoryBytes} bytes`);
    }
    if (result.exitCode === undefined) {
      throw new MillinerError(
        'COMMAND_FAILED',
        `${await findRuntime()} died of ${result.signal ?? result.originalMessage}`,
      );
    }
    return { exitCode: result.exitCode, stdout: result.stdout ?? '', stderr: result.stderr };
  } finally {
    // Before the container is killed, because one that waits at a hook is not created yet.
    await tracing.finish().catch(() => undefined);
    tracing.words?.destroy();
    await removeContainer(options);
  }
}

function follow(
  stream: Readable,
  onOutput: (bytes: number) => void,
  onLine: (line: string) => void = () => {},
) {
  const splitter = new LineSplitter(onLine);
  stream.on('data', (chunk: Buffer) => {
    splitter.push(chunk);
    onOutput(chunk.length);
  });
  return splitter;
}

/** Ends the program at the first of several reasons: abort, timeout, output, disk. */
function stopper({ signal, timeout, args, isDiskFull }: ContainerOptions, kill: () => void) {
  let error: MillinerError | undefined;
  let written = 0;
  let diskSeen = Date.now();
  const stop = (reason: MillinerError) => {
    if (error) return;
    error = reason;
    kill();
  };
  const onAbort = () => stop(new MillinerError('INTERRUPTED', `${args[0]} was stopped`));
  const timer = setTimeout(() => stop(limitExceeded(args, 'time', `${timeout / 1000} s`)), timeout);
  const over = new AbortController();
  const watching = watchDisk(isDiskFull, over.signal, (since) => stop(diskFull(args, since)));
  signal?.addEventListener('abort', onAbort);
  // The abort may have come while the bundle was written, before the listener was added.
  if (signal?.aborted) onAbort();
  return {
    onOutput: (bytes: number) => {
      written += bytes;
      if (written > maxOutputBytes) stop(limitExceeded(args, 'output', `${maxOutputBytes} bytes`));
    },
    end: async () => {
      clearTimeout(timer);
      over.abort();
      diskSeen = await watching;
      signal?.removeEventListener('abort', onAbort);
    },
    get error() {
      return error;
    },
    /** When the disk was last seen to have room. */
    get diskSeen() {
      return diskSeen;
    },
  };
}

const diskPollMilliseconds = 50;

/** Polls the disk; returns the time at which it last had room, in milliseconds since the epoch. */
async function watchDisk(
  isDiskFull: (() => Promise<boolean>) | undefined,
  over: AbortSignal,
  onFull: (since: number) => void,
): Promise<number> {
  let since = Date.now();
  if (!isDiskFull) return since;
  while (!over.aborted) {
    const asked = Date.now();
    // The check fails if the disk is removed, which also counts as full.
    if (await isDiskFull().catch(() => true)) {
      onFull(since);
      break;
    }
    since = asked;
    await sleep(diskPollMilliseconds, undefined, { signal: over }).catch(() => undefined);
  }
  return since;
}

/** @param since milliseconds since the epoch when the disk last had room: programs that ended before did not fill it */
function diskFull(args: string[], since: number): MillinerError {
  return new MillinerError('LIMIT_EXCEEDED', `${args[0]} or what it ran filled its disk`, {
    details: { limit: 'disk', since },
  });
}

const exceeded = { time: 'ran longer than', output: 'wrote more than', memory: 'took more memory than' };

function limitExceeded(args: string[], limit: keyof typeof exceeded, limitText: string): MillinerError {
  return new MillinerError('LIMIT_EXCEEDED', `${args[0]} ${exceeded[limit]} ${limitText}`, {
    details: { limit },
  });
}

/**
 * SIGKILL, because a program may ignore other signals. The container is killed first, because a runtime that dies first
 * leaves it behind.
 */
async function killContainer(container: Container, child: Promise<unknown>): Promise<void> {
  const ended = new AbortController();
  void child.finally(() => ended.abort());
  // A container that is not created yet cannot be killed.
  while (!ended.signal.aborted) {
    await signalContainer(container, 'KILL');
    await sleep(50);
  }
}
