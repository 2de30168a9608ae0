/**
 * The only module that calls OCI runtimes: it finds one that works, and starts, enters, signals and removes containers.
 */
import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { MillinerError } from '../errors/error.ts';
import { readdirIfThere } from '../host/files.ts';
import { fileOfProgram } from '../host/program-environment.ts';
import { remembered } from '../host/remembered.ts';
import { ociRuntimes, type OciRuntime } from './backend-names.ts';
import { removeGroups } from './cgroups.ts';
import { groupsOf, makeLimitedGroup } from './limited-group.ts';
import type { AnyConfig } from './oci-config.ts';
import { findsGroups, startCallOf, type Call } from './runtime-call.ts';
import { run, runAttached, start, startStreaming, type RunResult } from '../host/exec.ts';
import { followProgram, type ExecOptions, type Starter } from './followed-program.ts';

export interface Container {
  /** Unique on this host; also the name of its control group. */
  id: string;
  /** A directory of the caller for the bundle and the runtime's state. */
  directory: string;
  /** Absent for the first one that works. */
  runtime?: OciRuntime;
}

/** Tried in this order. */
const defaultRuntimes = ['runc', 'crun'] as const;

/** Below the caller's directory: the state of each runtime, in a directory of its name. */
const runtimeStates = 'runtime';

/** Of removing a container. */
const lastAttempt = 19;

/** The container's runtime, and the options that lead it to its state. */
async function runtimeOf({ directory, runtime }: Pick<Container, 'directory' | 'runtime'>) {
  const name = runtime ?? (await findRuntime());
  return { runtime: name, state: ['--root', join(directory, runtimeStates, name)] };
}

interface Exec {
  args: readonly string[];
  hasTerminal: boolean;
  pidFile?: string;
}

/** Calls fn with how its runtime starts one more program in a running container. */
async function withExecCall<T>(container: Container, exec: Exec, fn: (call: Call) => Promise<T>): Promise<T> {
  const { runtime, state } = await runtimeOf(container);
  const pidFile = exec.pidFile === undefined ? [] : ['--pid-file', exec.pidFile];
  if (!findsGroups(runtime)) {
    const terminal = exec.hasTerminal ? ['--tty'] : [];
    return fn({
      program: runtime,
      words: [...state, 'exec', ...terminal, ...pidFile, container.id, ...exec.args],
    });
  }
  const pid = await containerPid(container);
  // Of one that has ended the runtime says so.
  const groups = pid === undefined ? [] : await groupsOf(pid, container.id).catch(() => []);
  // Otherwise it would have neither the user nor the directory of the first one.
  const file = join(bundleOf(container), `process-${randomUUID()}`);
  const config = JSON.parse(await readFile(configOf(container), 'utf8')) as AnyConfig;
  const program = { ...config.process, args: exec.args, terminal: exec.hasTerminal };
  await writeFile(file, JSON.stringify(program), { mode: 0o600 });
  try {
    const words = [...state, 'exec', '--process', file, ...pidFile, container.id];
    return await fn(await startCallOf(runtime, words, groups));
  } finally {
    await rm(file, { force: true });
  }
}

export interface StartOptions {
  /** config.json of the OCI runtime specification. */
  config: AnyConfig;
  /** The caller reads the child's stdout, and none of it is kept. */
  streaming: boolean;
  /**
   * For a container that is observed. The runtime's own messages go to a log, apart from the program's output, and the
   * process ID of the program to a file. A container that has ended stays until it is removed, with the counters of its
   * control group.
   */
  watched?: boolean;
  /** A container that has ended stays likewise, for its counters. */
  counted?: boolean;
  /** An open descriptor of this process that the container's program gets as its descriptor 3. */
  handed?: number;
}

/** Starts the container's first process; the returned child ends with it and has its exit code. */
export async function startContainer(
  container: Container,
  { config, streaming, watched, counted, handed }: StartOptions,
) {
  const bundle = bundleOf(container);
  await mkdir(bundle, { recursive: true, mode: 0o700 });
  await writeFile(configOf(container), JSON.stringify(config));
  const { runtime, state } = await runtimeOf(container);
  await mkdir(join(container.directory, runtimeStates), { recursive: true, mode: 0o700 });
  const log = watched ? ['--log', logOf(container), '--log-format', 'json'] : [];
  const pidFile = watched ? ['--pid-file', pidFileOf(container)] : [];
  const runcOptions = (watched || counted) && runtime === 'runc' ? ['--keep'] : [];
  const handing = handed === undefined ? [] : ['--preserve-fds', '1'];
  const options = [...runcOptions, ...pidFile, ...handing];
  const { cgroupsPath, resources } = config.linux;
  const groups = findsGroups(runtime) ? await makeLimitedGroup(cgroupsPath.slice(1), resources) : [];
  const command = [...state, ...log, 'run', ...options, '--bundle', bundle, container.id];
  const { program, words } = await startCallOf(runtime, command, groups);
  // In an object, because the child is also a promise, which an async function would await.
  return { child: (streaming ? startStreaming : start)(program, words, { handed }) };
}

const bundleOf = ({ directory, id }: Container) => join(directory, id);
const configOf = (container: Container) => join(bundleOf(container), 'config.json');
const logOf = (container: Container) => join(bundleOf(container), 'runtime.log');
const pidFileOf = (container: Container) => join(bundleOf(container), 'runtime.pid');

/** Why the runtime could not start the program of a watched container; undefined if it did. */
export async function startFailure(container: Container): Promise<string | undefined> {
  const log = await readFile(logOf(container), 'utf8').catch(() => '');
  const lines = log.split('\n').filter(Boolean);
  return lines
    .map((line) => JSON.parse(line) as { level: string; msg: string })
    .find(({ level }) => level === 'error')?.msg;
}

/** Host process ID of the first process of a watched container; undefined before it was started. */
export async function containerPid(container: Container): Promise<number | undefined> {
  const text = await readFile(pidFileOf(container), 'utf8').catch(() => '');
  return /^\d+$/.test(text) ? Number(text) : undefined;
}

/** Signals the first process; a missing one is no error. */
export async function signalContainer(container: Container, signal: string): Promise<void> {
  // If a terminal's interrupt kills the runtime, the caller must repeat the call.
  const { runtime, state } = await runtimeOf(container);
  await run(runtime, [...state, 'kill', container.id, signalNumber(signal)], {
    allow: [0, 1, 255],
  }).catch(() => undefined);
}

/** Stops all processes of a container, or lets them go on. */
export async function pauseContainer(container: Container, what: 'pause' | 'resume'): Promise<void> {
  const { runtime, state } = await runtimeOf(container);
  await run(runtime, [...state, what, container.id]);
}

/** Runtimes accept real-time signals (one of them halts systemd) by number only; glibc's first is 34. */
function signalNumber(name: string): string {
  const realTime = /^(?:SIG)?RT(MIN|MAX)(?:([+-])(\d+))?$/.exec(name);
  if (!realTime) return name;
  const [, end, sign, distance = '0'] = realTime;
  return String((end === 'MIN' ? 34 : 64) + (sign === '-' ? -1 : 1) * Number(distance));
}

/** Runs one more program in a running container, with its user, environment and limits; 255 if it cannot be started. */
export async function execInContainer(
  container: Container,
  args: readonly string[],
  options: ExecOptions,
): Promise<RunResult & { timedOut: boolean }> {
  const pidFile = join(container.directory, `exec-${execs++}`);
  try {
    return await withExecCall(container, { args, hasTerminal: false, pidFile }, ({ program, words }) => {
      const started = { starter: program, args: words, name: args[0] };
      return followProgram(started, options, (child) => void killProgram(child, pidFile));
    });
  } finally {
    await rm(pidFile, { force: true });
  }
}

/**
 * Killing the runtime would leave the program running. Nor does the runtime end with the program: it waits as long as
 * any process holds the output open. By then the program's process ID may belong to another program, so its parent is
 * checked.
 */
async function killProgram({ nodeChildProcess: child }: Starter, pidFile: string): Promise<void> {
  const pid = await readFile(pidFile, 'utf8').catch(() => '');
  const stat = pid && (await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => ''));
  // proc_pid_stat(5): the name may contain any character, brackets too; state and parent follow the last bracket.
  const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  if (child.exitCode !== null || child.signalCode !== null) return;
  if (parent === child.pid) killProcess(Number(pid));
  child.kill('SIGKILL');
}

function killProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/**
 * Runs one more program in the container with this process's terminal or pipes, ends it with the signal, and returns
 * its exit code. A program that has the whole terminal may write anything to it, as shells and editors must. Other
 * output to a terminal is made printable; pipes and files get the bytes.
 */
export async function attachToContainer(
  container: Container,
  args: readonly string[],
  signal: AbortSignal | undefined,
): Promise<number> {
  const isInteractive = process.stdin.isTTY && process.stdout.isTTY;
  const printable = isInteractive ? 'never' : 'at a terminal';
  return withExecCall(container, { args, hasTerminal: isInteractive }, ({ program, words }) =>
    runAttached(program, words, { signal, printable }),
  );
}

/** As execInContainer, with output made printable. */
export async function showFromContainer(
  container: Container,
  args: readonly string[],
  signal: AbortSignal | undefined,
): Promise<void> {
  await withExecCall(container, { args, hasTerminal: false }, ({ program, words }) =>
    runAttached(program, words, { signal, printable: 'always' }),
  );
}

let execs = 0;

/** Kills and removes the containers whose state is in a directory that a dead run left behind. */
export async function removeContainers(directory: string): Promise<void> {
  const found = (await readdirIfThere(join(directory, runtimeStates))) ?? [];
  for (const runtime of ociRuntimes.filter((name) => found.includes(name))) {
    const { state } = await runtimeOf({ directory, runtime });
    const { stdout } = await run(runtime, [...state, 'list', '--quiet'], { allow: [0, 1] });
    for (const id of stdout.split('\n').filter(Boolean)) await removeContainer({ id, directory, runtime });
  }
}

/** Kills and removes a container. The kernel may need a moment after the kill, so a few attempts are made. */
export async function removeContainer(container: Container): Promise<void> {
  const { runtime, state } = await runtimeOf(container);
  const program = [...state, 'delete', '--force', container.id];
  for (let attempt = 0; ; attempt++) {
    const { exitCode, stderr } = await run(runtime, program, { allow: [0, 1] });
    if (exitCode === 0 || stderr.includes('does not exist')) break;
    if (attempt === lastAttempt)
      throw new MillinerError('COMMAND_FAILED', `${runtime} cannot remove the container ${container.id}`);
    await sleep(50 * (attempt + 1));
  }
  if (findsGroups(runtime)) await removeGroups(container.id);
}

/** Of the runtimes of this host, which all states share. */
const findings = '/run/milliner/runtimes';

let found: OciRuntime | undefined;

/**
 * The first runtime that can run a container here. Throws HOST_MISSING with the reason of each if none can.
 *
 * @param ask why one does not work here
 */
export async function findRuntime(ask = rememberedProblem): Promise<OciRuntime> {
  if (found) return found;
  const reasons: string[] = [];
  for (const runtime of defaultRuntimes) {
    const reason = await ask(runtime);
    if (reason === undefined) return (found = runtime);
    reasons.push(reason);
  }
  throw new MillinerError('HOST_MISSING', `no OCI runtime works on this host: ${reasons.join('; ')}`, {
    hint: 'Install one: apt-get install runc (Debian), dnf install runc (Fedora).',
    details: { programs: [...defaultRuntimes] },
  });
}

/** Why a runtime does not work here; undefined if it does. */
export async function runtimeProblem(runtime: OciRuntime): Promise<string | undefined> {
  const asked = run(runtime, ['--root', `/run/milliner-probe/${runtime}`, 'list', '--quiet'], { allow: [0] });
  return asked.then(
    () => undefined,
    (error: Error) => error.message,
  );
}

/** As runtimeProblem; what has worked is not tried out again while the program and the run of the kernel are the same. */
async function rememberedProblem(runtime: OciRuntime): Promise<string | undefined> {
  try {
    await ofProgram(runtime, 'works', async () => {
      const problem = await runtimeProblem(runtime);
      if (problem !== undefined) throw new MillinerError('HOST_MISSING', problem);
      return '';
    });
    return undefined;
  } catch (error) {
    if (error instanceof MillinerError && error.code === 'HOST_MISSING') return error.message;
    throw error;
  }
}

/** Such as `1.1.5`; the runtime's own word for it. */
export function runtimeVersion(runtime: OciRuntime): Promise<string> {
  return ofProgram(runtime, 'version', () => askVersion(runtime));
}

/** A finding about the program of a runtime, as long as it is the same file. */
async function ofProgram(runtime: OciRuntime, what: string, find: () => Promise<string>): Promise<string> {
  const program = await fileOfProgram(runtime);
  if (program === undefined) return find();
  await mkdir(findings, { recursive: true, mode: 0o711 });
  return remembered(join(findings, `${runtime}-${what}`), program, find);
}

async function askVersion(runtime: OciRuntime): Promise<string> {
  const { stdout } = await run(runtime, ['--version'], { allow: [0] });
  return /\bversion:? (\S+)/.exec(stdout)?.[1] ?? 'of unknown version';
}
