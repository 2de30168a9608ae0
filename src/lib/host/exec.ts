/**
 * The only module that starts other programs, with detached.ts: with an argument list, never with a shell or the caller's
 * environment.
 */
import { fork, spawn } from 'node:child_process';
import { constants } from 'node:os';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { execa } from 'execa';
import { MillinerError } from '../errors/error.ts';
import { saysDiskFull } from './files.ts';
import { printableStream } from './printable.ts';
import { programEnvironment } from './program-environment.ts';

export interface RunOptions {
  cwd?: string;
  /** Added to a fixed minimal environment; nothing is inherited from the caller's. */
  env?: Record<string, string>;
  input?: string | Uint8Array;
  /**
   * Starts the program in a process group of its own, and an abort ends the whole group. Otherwise a child that the
   * program has just started could outlive it.
   */
  inGroup?: boolean;
  signal?: AbortSignal | undefined;
  /** Bytes of output; a program that writes more is killed. */
  maxBuffer?: number;
  /** Exit codes that are results, not failures; default only 0. */
  allow?: readonly number[];
  /** Milliseconds between SIGTERM and SIGKILL; default 5000. */
  killAfter?: number | false;
  /** An open descriptor of this process that the program gets as its descriptor 3. */
  handed?: number | undefined;
}

export interface RunResult {
  exitCode: number;
  stdout: string;
  stderr: string;
}

/** Runs a program to its end. A failure becomes COMMAND_FAILED with the last lines that the program wrote. */
export async function run(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> {
  const result = await start(program, args, options);
  const { exitCode, stdout, stderr } = result;
  if (exitCode !== undefined && (options.allow ?? [0]).includes(exitCode)) {
    return { exitCode, stdout, stderr };
  }
  throw commandFailed(program, args, result);
}

/** Starts a program, for callers that follow its output. The promise never rejects: read the fields of the result. */
export function start(program: string, args: readonly string[], options: RunOptions = {}) {
  return endWith(options, execa(program, args, settings(options)));
}

/** As start, for output of any size: the caller reads stdout as it comes, and none of it is kept. */
export function startStreaming(program: string, args: readonly string[], options: RunOptions = {}) {
  return endWith(options, execa(program, args, { ...settings(options), buffer: { stdout: false } }));
}

/** As start, with open descriptors of this process as the program's standard streams; nothing to read without an input. */
export function startWriting(
  program: string,
  args: readonly string[],
  {
    env = {},
    input,
    output,
  }: { env?: Record<string, string>; input?: number | undefined; output: readonly [number, number] },
) {
  const stdio = [input ?? 'ignore', ...output] as [0, 1, 2];
  return execa(program, args, { ...settings({ env }), stdin: undefined, stdio, buffer: false });
}

/** As startStreaming in a group, for a dialogue: the caller also writes to its stdin and ends it. */
export function startPiped(program: string, args: readonly string[]) {
  return execa(program, args, {
    ...settings({ inGroup: true, killAfter: false }),
    stdin: 'pipe',
    buffer: { stdout: false },
  });
}

/** Starts a program in a group of its own, with that many sockets of ours as its descriptors from 3 on, then open ones. */
export function startWithChannels(
  program: string,
  args: readonly string[],
  channels: number,
  handed: readonly number[] = [],
) {
  const stdio = ['ignore' as const, 'pipe' as const, 'pipe' as const];
  return spawn(program, args, {
    env: programEnvironment,
    stdio: [...stdio, ...Array.from({ length: channels }, () => 'pipe' as const), ...handed],
    detached: true,
  });
}

function endWith<T extends Group & Promise<unknown>>({ signal, inGroup = false }: RunOptions, child: T): T {
  if (!inGroup) return child;
  const stop = () => endGroup(child);
  signal?.addEventListener('abort', stop);
  void child.finally(() => signal?.removeEventListener('abort', stop));
  if (signal?.aborted) stop();
  return child;
}

/**
 * A program with our own terminal or pipes; gives its exit code, 128 and the signal's number where one ended it.
 * @param printable whether what it writes is shown as text, without what terminals obey
 */
export async function runAttached(
  program: string,
  args: readonly string[],
  { signal, printable }: Pick<RunOptions, 'signal'> & { printable: 'always' | 'at a terminal' | 'never' },
): Promise<number> {
  const isText = ({ isTTY }: { isTTY: boolean }) =>
    printable === 'always' || (isTTY && printable !== 'never');
  const child = execa(program, args, {
    ...settings({ signal }),
    stdin: 'inherit',
    stdout: isText(process.stdout) ? 'pipe' : 'inherit',
    stderr: isText(process.stderr) ? 'pipe' : 'inherit',
    buffer: false,
  });
  const show = async (from: Readable | null, to: NodeJS.WriteStream) =>
    from && pipeline(from, printableStream(), to, { end: false });
  const [result] = await Promise.all([
    child,
    show(child.stdout, process.stdout),
    show(child.stderr, process.stderr),
  ]);
  if (result.code === 'ENOENT') throw commandFailed(program, args, result);
  return result.exitCode ?? 128 + (constants.signals[result.signal as NodeJS.Signals] ?? 0);
}

/** Starts a server that outlives this process and writes its output to its own log. It inherits one open file. */
export function startServer(program: string, args: readonly string[], cwd: string, inherited: number) {
  const stdio = ['ignore' as const, 'ignore' as const, 'ignore' as const, inherited];
  const child = spawn(program, args, { env: programEnvironment, stdio, detached: true, cwd });
  child.unref();
  return child;
}

/** Secrets, and settings of how this process itself was started: other programs must not inherit them. */
const secretVariables = [
  'GITHUB_TOKEN',
  'MILLINER_KEY_PASSWORD',
  'MILLINER_REDIS',
  'NODE_CHANNEL_FD',
  'NODE_OPTIONS',
];
/** A night adds jobs to the queue, and is shown on GitHub. */
const secretsOfNights = ['GITHUB_TOKEN', 'MILLINER_REDIS'];

/**
 * Runs a Milliner module in a process of its own, with an IPC channel for as long as both live. It has its own session,
 * because a terminal's interrupt is for the parent, which then ends the child in order. It gets the parent's
 * environment, which names proxies, certificate authorities and credentials, but not the secrets.
 */
export function startModule(path: string) {
  const env = environmentWithout(secretVariables);
  return fork(path, [], { env, execArgv: [], stdio: ['ignore', 'ignore', 'pipe', 'ipc'], detached: true });
}

/**
 * Runs a command of Milliner as startModule runs a module, and with the secrets that it needs. The command ends when the channel closes.
 */
export function startCommand(path: string, args: readonly string[]) {
  const env = environmentWithout(secretVariables.filter((name) => !secretsOfNights.includes(name)));
  return fork(path, args, { env, execArgv: [], stdio: ['ignore', 'pipe', 'pipe', 'ipc'], detached: true });
}

function environmentWithout(names: readonly string[]): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !names.includes(name)));
}

interface Group {
  pid?: number | undefined;
  /** Signal 0 tests whether the process exists. */
  kill(signal: 0): boolean;
}

/** Kills a process group; does nothing if it has not started or has ended. */
export function endGroup(child: Group): void {
  if (child.pid !== undefined && child.kill(0)) killGroup(child.pid);
}

/** Kills a process that was started in a session of its own, and every process in it. */
export function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    // The process has just ended by itself.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function settings(options: RunOptions) {
  return {
    env: { ...programEnvironment, ...options.env },
    extendEnv: false,
    reject: false,
    detached: options.inGroup === true,
    stripFinalNewline: false,
    forceKillAfterDelay: options.killAfter ?? 5000,
    maxBuffer: options.maxBuffer ?? 256 * 1024 * 1024,
    ...(options.cwd !== undefined && { cwd: options.cwd }),
    ...standardStreams(options),
    ...(options.signal && { cancelSignal: options.signal }),
  } as const;
}

function standardStreams({ input, handed }: RunOptions) {
  // execa takes every descriptor; its types name those up to 9.
  if (handed !== undefined) return { stdio: ['ignore', 'pipe', 'pipe', handed as 3] as const };
  return input === undefined ? { stdin: 'ignore' as const } : { input };
}

export interface EndedCommand {
  exitCode?: number | undefined;
  signal?: string | undefined;
  isCanceled?: boolean;
  stderr?: string | undefined;
  code?: string | undefined;
  originalMessage?: string | undefined;
}

/** The error for a program that failed. */
export function commandFailed(program: string, args: readonly string[], result: EndedCommand): MillinerError {
  if (result.isCanceled) return new MillinerError('INTERRUPTED', `${program} was stopped`);
  if (result.code === 'ENOENT') {
    return new MillinerError('HOST_MISSING', `${program} is not installed`, { details: { program } });
  }
  const end = result.signal ? `died of ${result.signal}` : `exited ${result.exitCode}`;
  const words = (result.stderr ?? '').trim().split('\n').slice(-20).join('\n');
  const code = saysDiskFull(words) ? 'DISK_FULL' : 'COMMAND_FAILED';
  return new MillinerError(code, `${program} ${end}${words ? `: ${words}` : ''}`, {
    details: { program, args, exitCode: result.exitCode ?? null, signal: result.signal ?? null },
  });
}
