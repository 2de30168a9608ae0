/** The one owner of OCI runtimes: writes the bundle, runs one process in it to its end, removes what is left. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { MillinerError } from '../errors.ts';
import { specification, type ContainerSpecification } from './bundle.ts';
import { run, start, startStreaming } from './exec.ts';
import { LineSplitter } from './lines.ts';

/** The id is unique on this host. */
export interface ContainerOptions extends ContainerSpecification {
  /** A directory of the caller's for the bundle and the runtime's state. */
  directory: string;
  /** Milliseconds; then LIMIT_EXCEEDED. */
  timeout: number;
  /** Called with each line, of which at most 4096 characters come; what goes there is not in the result. */
  onStdout?: (line: string) => void;
  onStderr?: (line: string) => void;
  signal?: AbortSignal | undefined;
}

export interface ContainerResult {
  exitCode: number;
  stdout: string;
  stderr: string;
}

/** Debian 12's crun refuses a hybrid cgroup hierarchy where runc works: what counts is which one runs. */
const runtimes = ['runc', 'crun'];

/** Bytes that a program may write in all. */
const mostOutput = 64 * 1024 * 1024;

/** Throws INTERRUPTED, or LIMIT_EXCEEDED where the program runs too long or writes too much. */
export async function runContainer(options: ContainerOptions): Promise<ContainerResult> {
  options.signal?.throwIfAborted();
  const runtime = await findRuntime();
  const bundle = join(options.directory, options.id);
  await mkdir(bundle, { recursive: true, mode: 0o700 });
  await writeFile(join(bundle, 'config.json'), JSON.stringify(await specification(options)));
  const state = ['--root', join(options.directory, 'runtime')];
  try {
    const program = [...state, 'run', '--bundle', bundle, options.id];
    const child = (options.onStdout ? startStreaming : start)(runtime, program);
    const stop = stopper(options, () => killContainer(runtime, state, options.id, child));
    const output = [
      follow(child.stdout, stop.onOutput, options.onStdout),
      follow(child.stderr, stop.onOutput, options.onStderr),
    ];
    const result = await child.finally(() => stop.end());
    for (const splitter of output) splitter.end();
    if (stop.error) throw stop.error;
    if (result.exitCode === undefined) {
      throw new MillinerError(
        'COMMAND_FAILED',
        `${runtime} died of ${result.signal ?? result.originalMessage}`,
      );
    }
    return { exitCode: result.exitCode, stdout: result.stdout ?? '', stderr: result.stderr };
  } finally {
    await removeContainer(runtime, state, options.id);
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

/** Watches for what ends a program before its time; the first reason counts. */
function stopper({ signal, timeout, args }: ContainerOptions, kill: () => void) {
  let error: MillinerError | undefined;
  let written = 0;
  const stop = (why: MillinerError) => {
    if (error) return;
    error = why;
    kill();
  };
  const onAbort = () => stop(new MillinerError('INTERRUPTED', `${args[0]} was stopped`));
  const timer = setTimeout(() => stop(limitExceeded(args, 'time', `${timeout / 1000} s`)), timeout);
  signal?.addEventListener('abort', onAbort);
  // While the bundle was written nobody listened.
  if (signal?.aborted) onAbort();
  return {
    onOutput: (bytes: number) => {
      written += bytes;
      if (written > mostOutput) stop(limitExceeded(args, 'output', `${mostOutput} bytes`));
    },
    end: () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    },
    get error() {
      return error;
    },
  };
}

function limitExceeded(args: string[], limit: 'time' | 'output', most: string): MillinerError {
  const what = limit === 'time' ? `ran longer than ${most}` : `wrote more than ${most}`;
  return new MillinerError('LIMIT_EXCEEDED', `${args[0]} ${what}`, { details: { limit } });
}

/** A signal that programs may ignore would leave them time; and a runtime that dies first leaves its container. */
async function killContainer(
  runtime: string,
  state: string[],
  id: string,
  child: Promise<unknown>,
): Promise<void> {
  const ended = new AbortController();
  void child.finally(() => ended.abort());
  // Until it is created there is nothing to kill.
  while (!ended.signal.aborted) {
    // A try that fails, because a terminal's interrupt ended it too, is followed by the next.
    await run(runtime, [...state, 'kill', id, 'KILL'], { allow: [0, 1, 255] }).catch(() => undefined);
    await sleep(50);
  }
}

/** Ends and forgets every container whose state lies in a directory that a dead run left behind. */
export async function removeContainers(directory: string): Promise<void> {
  const runtime = await findRuntime();
  const state = ['--root', join(directory, 'runtime')];
  const { stdout } = await run(runtime, [...state, 'list', '--quiet'], { allow: [0, 1] });
  for (const id of stdout.split('\n').filter(Boolean)) await removeContainer(runtime, state, id);
}

/** The kernel may need a moment to let a killed process go: a bounded number of tries. */
async function removeContainer(runtime: string, state: string[], id: string): Promise<void> {
  for (let attempt = 0; attempt < 20; attempt++) {
    const { exitCode, stderr } = await run(runtime, [...state, 'delete', '--force', id], { allow: [0, 1] });
    if (exitCode === 0 || stderr.includes('does not exist')) return;
    await sleep(50 * (attempt + 1));
  }
  throw new MillinerError('COMMAND_FAILED', `${runtime} cannot remove the container ${id}`);
}

let found: string | undefined;

/** The first runtime that can run a container here; HOST_MISSING with what each said if none can. */
export async function findRuntime(): Promise<string> {
  if (found) return found;
  const reasons: string[] = [];
  for (const runtime of runtimes) {
    const reason = await run(runtime, ['--root', '/run/milliner-probe', 'list', '--quiet'], {
      allow: [0],
    }).then(
      () => undefined,
      (error: Error) => error.message,
    );
    if (reason === undefined && !(runtime === 'crun' && (await hybridCgroups()))) return (found = runtime);
    reasons.push(reason ?? 'crun: does not work with a hybrid cgroup hierarchy');
  }
  throw new MillinerError('HOST_MISSING', `no OCI runtime works here: ${reasons.join('; ')}`, {
    hint: 'Install one: apt-get install runc (Debian), dnf install runc (Fedora)',
    details: { programs: runtimes },
  });
}

async function hybridCgroups(): Promise<boolean> {
  return (await readFile('/proc/self/mountinfo', 'utf8')).includes(' /sys/fs/cgroup/unified ');
}
