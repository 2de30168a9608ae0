/**
 * Containers of systemd-nspawn. It sets up namespaces, /dev, /proc and /sys; milliner-enter (native/enter) then gives
 * the program what an OCI runtime would: the same mounts, groups, capabilities and seccomp filter, from the same
 * config.json.
 */
import { closeSync, fchownSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { MillinerError } from '../../errors/error.ts';
import { run, runAttached, startWriting } from '../../host/exec.ts';
import { readTextIfThere } from '../../host/files.ts';
import { enterPath, native } from '../../host/native.ts';
import { removeGroups, unifiedHierarchy } from '../cgroups.ts';
import { followProgram } from '../followed-program.ts';
import type { FirstProcess, Isolator } from '../isolator.ts';
import { groupsOf, makeLimitedGroup, makePlainGroup } from '../limited-group.ts';
import type { OciConfig } from '../oci-config.ts';
import type { Container } from '../runtime.ts';
import { numberOfSignal } from '../stop-signal.ts';
import { nspawnArguments, nspawnEnvironment } from './arguments.ts';
import { orderOf, writeFilter, writeOrder } from './order.ts';
import { firstProcessIn, firstProgramIn } from './first-process.ts';
import { openGate } from './gate.ts';

const filesOf = ({ directory, id }: Container) => ({
  order: join(directory, id, 'order'),
  filter: join(directory, id, 'filter'),
  log: join(directory, id, 'nspawn.log'),
});

/** The group of the image's processes; nspawn itself, which no limit of theirs may end, is in another one. */
const instanceGroup = (config: OciConfig) => config.linux.cgroupsPath.slice(1);
const nspawnGroup = ({ id }: Container) => `${id}/nspawn`;

export const nspawnIsolator: Isolator = {
  mountPoints: ['dev', 'proc', 'run', 'sys'],
  joinsSpaces: false,
  start: startFirst,
  startFailure,
  pid: runningPid,
  exec: async (container, args, options) => {
    const words = await enteringWords('exec', container, args);
    if (!words) return { exitCode: 255, stdout: '', stderr: 'the instance has ended', timedOut: false };
    const started = { starter: enterPath, args: words, name: args[0] };
    // It ends the program, and waits for it: the image's first process may wait for none.
    return followProgram(started, options, (child) => void child.kill('SIGTERM'));
  },
  attach: (container, args, signal) => {
    const isInteractive = process.stdin.isTTY && process.stdout.isTTY;
    return attach(isInteractive ? 'exec-terminal' : 'exec', container, args, {
      signal,
      printable: isInteractive ? 'never' : 'at a terminal',
    });
  },
  show: async (container, args, signal) => {
    await attach('exec', container, args, { signal, printable: 'always' });
  },
  signal: async ({ id }, name) => {
    const pid = await firstProcessIn(id);
    if (pid !== undefined) kill(pid, name);
  },
  // All its processes are in its group, nspawn too, whose mounts are in a namespace of its own.
  remove: ({ id }) => removeGroups(id),
};

async function startFirst(
  container: Container,
  config: OciConfig,
  link?: (pid: number) => Promise<void>,
): Promise<FirstProcess> {
  const { order: orderPath, filter, log } = filesOf(container);
  const [ids] = config.linux.uidMappings ?? [];
  if (!ids) {
    throw new MillinerError('HOST_MISSING', 'the backend nspawn needs user namespaces and id-mapped mounts', {
      hint: 'Take another backend where the root of instances is the root of the host.',
    });
  }
  await mkdir(join(container.directory, container.id), { recursive: true, mode: 0o700 });
  const groups = {
    nspawn: await makePlainGroup(nspawnGroup(container)),
    instance: await makeLimitedGroup(instanceGroup(config), config.linux.resources),
  };
  const order = orderOf(config, { owner: ids.hostID, groups, isGated: link !== undefined });
  await writeOrder(orderPath, order);
  await writeFilter(filter, config.linux.seccomp);
  const nspawn = nspawnArguments(container.id, config, { start: ids.hostID, size: ids.size }, order.binds);
  const env = nspawnEnvironment((await unifiedHierarchy()) !== undefined);
  const [stdout, stderr] = [outputPipe(ids.hostID), outputPipe(ids.hostID)];
  const gate = link && native().pipe();
  const child = startWriting(enterPath, ['launch', orderPath, filter, log, ...nspawn], {
    env,
    input: gate?.[0],
    output: [stdout.end, stderr.end],
  });
  for (const { end } of [stdout, stderr]) closeSync(end);
  const ended = child.then(async ({ exitCode }) => (await killedBy(log)) ?? exitCode);
  if (gate) {
    closeSync(gate[0]);
    await openGate(container.id, { gate: gate[1], link, ended }).finally(() => closeSync(gate[1]));
  }
  return { stdout: stdout.words, stderr: stderr.words, ended };
}

/** Programs open it again by its name, /dev/stderr: it is a pipe, as sockets cannot be, and root of the ids has it. */
function outputPipe(owner: number): { end: number; words: Socket } {
  const [read, end] = native().pipe();
  fchownSync(end, owner, owner);
  return { end, words: new Socket({ fd: read, readable: true, writable: false }) };
}

/** nspawn exits with 1 if a signal has ended the first process, and tells which one. */
async function killedBy(log: string): Promise<number | undefined> {
  const [, name] = / terminated by signal (\w+)\.$/m.exec((await readTextIfThere(log)) ?? '') ?? [];
  const number = name === undefined ? undefined : numberOfSignal(name);
  return number === undefined ? undefined : 128 + number;
}

/** The first reason of either. nspawn works on this host, or the backend was refused: what it stumbles on is the tree. */
async function startFailure(container: Container): Promise<string | undefined> {
  const lines = ((await readTextIfThere(filesOf(container).log)) ?? '').split('\n').filter(Boolean);
  const [reason] = lines.filter((line) => !line.includes(' terminated by signal '));
  return reason?.replace(/^milliner-enter: /, '');
}

/** Of the image's program: before that, milliner-enter is the first process. */
async function runningPid(container: Container): Promise<number | undefined> {
  const found = await firstProgramIn(container.id);
  return found?.isEntering ? undefined : found?.pid;
}

/** Arguments of milliner-enter; undefined if the instance has ended. */
async function enteringWords(
  mode: 'exec' | 'exec-terminal',
  container: Container,
  args: readonly string[],
): Promise<string[] | undefined> {
  const pid = await firstProcessIn(container.id);
  if (pid === undefined) return undefined;
  const { order, filter } = filesOf(container);
  const groups = await groupsOf(pid, container.id).catch(() => undefined);
  return groups && [mode, order, filter, String(pid), ...groups, '--', ...args];
}

async function attach(
  mode: 'exec' | 'exec-terminal',
  container: Container,
  args: readonly string[],
  options: Parameters<typeof runAttached>[2],
): Promise<number> {
  const words = await enteringWords(mode, container, args);
  return words ? runAttached(enterPath, words, options) : 255;
}

function kill(pid: number, signal: string): void {
  try {
    process.kill(pid, numberOfSignal(signal));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Such as `252`. */
export async function nspawnVersion(): Promise<string> {
  const { stdout } = await run('systemd-nspawn', ['--version']);
  return /^systemd (\d+)/.exec(stdout)?.[1] ?? 'of unknown version';
}

/** Why it does not work here; undefined if it does. */
export async function nspawnProblem(): Promise<string | undefined> {
  return nspawnVersion().then(
    () => undefined,
    (error: Error) => error.message,
  );
}
