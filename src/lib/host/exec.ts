/** The one place that starts other programs: an argument list, never a shell, never the caller's environment. */
import { fork, spawn } from 'node:child_process';
import { constants } from 'node:os';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { execa } from 'execa';
import { MillinerError } from '../errors/error.ts';
import { saysDiskFull } from './files.ts';
import { printableStream } from './printable.ts';

export interface RunOptions {
  cwd?: string;
  /** Added to a fixed minimal environment; nothing is inherited from the caller's. */
  env?: Record<string, string>;
  input?: string | Uint8Array;
  /**
   * In a process group of its own, all of which an abort ends: what has just been started may have a child that does
   * not know yet whose end is its own.
   */
  inGroup?: boolean;
  signal?: AbortSignal | undefined;
  /** Bytes of output; who writes more is ended. */
  maxBuffer?: number;
  /** Exit codes that are an answer and not a failure; default only 0. */
  allow?: readonly number[];
  /** Milliseconds between SIGTERM and SIGKILL; default 5000. */
  killAfter?: number | false;
  /** A descriptor of ours that it gets as its descriptor 3. */
  handed?: number | undefined;
}

export interface RunResult {
  exitCode: number;
  stdout: string;
  stderr: string;
}

export const searchPath = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];

/**
 * As root a program could make itself a home anywhere but in /proc: what it left there, the next one would find.
 */
const environment = {
  PATH: searchPath.join(':'),
  LC_ALL: 'C.UTF-8',
  TZ: 'UTC',
  HOME: '/proc/nonexistent',
};

/** Runs a program to its end; a failure becomes COMMAND_FAILED with the program's own last words. */
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

/** The running program, for callers that follow its output. It never rejects: look at the result's fields. */
export function start(program: string, args: readonly string[], options: RunOptions = {}) {
  return endWith(options, execa(program, args, settings(options)));
}

/** The same for output of any size: stdout is the caller's to read as it comes, and nothing of it is kept. */
export function startStreaming(program: string, args: readonly string[], options: RunOptions = {}) {
  return endWith(options, execa(program, args, { ...settings(options), buffer: { stdout: false } }));
}

/** The same in a group, for one that is talked with: its stdin is the caller's too, to write and to end. */
export function startPiped(program: string, args: readonly string[]) {
  return execa(program, args, {
    ...settings({ inGroup: true, killAfter: false }),
    stdin: 'pipe',
    buffer: { stdout: false },
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

/** A process that outlives us, with a channel until it or we disconnect. */
export function startDetached(program: string, args: readonly string[]) {
  return spawn(program, args, {
    env: environment,
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    detached: true,
  });
}

/** A server that outlives us; all it has to say goes into its own log. It inherits one open file. */
export function startServer(program: string, args: readonly string[], cwd: string, inherited: number) {
  const stdio = ['ignore' as const, 'ignore' as const, 'ignore' as const, inherited];
  const child = spawn(program, args, { env: environment, stdio, detached: true, cwd });
  child.unref();
  return child;
}

/** What only the process itself may know, and what belongs to how it was started. */
const secretVariables = ['MILLINER_KEY_PASSWORD', 'MILLINER_REDIS', 'NODE_CHANNEL_FD', 'NODE_OPTIONS'];

/**
 * A module of ours in a process of its own, with a channel for as long as both live. In a session of its own too: a
 * terminal's interrupt is for us, who then end it in good order. It gets our environment, which says where proxies,
 * authorities and credentials are, but for the secrets.
 */
export function startModule(path: string) {
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !secretVariables.includes(name)),
  );
  return fork(path, [], { env, execArgv: [], stdio: ['ignore', 'ignore', 'pipe', 'ipc'], detached: true });
}

interface Group {
  pid?: number | undefined;
  /** With 0 it tells whether the process is still there. */
  kill(signal: 0): boolean;
}

/** Ends what was started in a group of its own; nothing where it has not begun, or has ended. */
export function endGroup(child: Group): void {
  if (child.pid !== undefined && child.kill(0)) killGroup(child.pid);
}

/** Ends a process that was started with a session of its own, and all in it. */
export function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    // It has just ended by itself.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function settings(options: RunOptions) {
  return {
    env: { ...environment, ...options.env },
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

/** Turns a program's bad end into the error that says why. */
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
