/**
 * Traces the programs that a container's first process starts, with ptrace from outside. The runtime stops at a hook
 * before it runs the container's program (OCI runtime specification 1.0.2, createRuntime), and there the process is
 * seized. The output of those programs comes through a pipe of its own: they cannot open the output of the first
 * process.
 */
import { close, existsSync, fchownSync, writeSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { MillinerError } from '../errors/error.ts';
import { start } from '../host/exec.ts';
import { native, type NativeError, type Trace, type TracedProgram } from '../host/native.ts';
import type { IdRange } from './userns.ts';

export type { Trace, TracedProgram } from '../host/native.ts';

/** The programs that ran at the time of a change. There is only one, unless programs ran side by side. */
export function runningAt<T extends Pick<TracedProgram, 'begin' | 'end'>>(
  programs: readonly T[],
  time: bigint,
): T | undefined {
  return programs.find(({ begin, end }) => begin <= time && time <= end);
}

export interface Tracing {
  /** Hooks for the container's configuration. */
  hooks: object;
  /** If the programs' output is separate: to be passed to the container as descriptor 3. */
  handed?: number;
  /** That output; it ends after `finish`. */
  words?: Readable;
  /** Lets the container continue, or fail if it is not traced: a container that waits at a hook cannot be killed. */
  release(): void;
  /** The trace, once the container has ended; undefined if it never reached the hook. Throws HOST_MISSING. */
  finish(): Promise<Trace | undefined>;
}

export interface Traced {
  /** Command line of the container's program. */
  args: readonly string[];
  /** The trace is wanted, so the programs' output is kept separate. */
  onTrace?: unknown;
  /** IDs of the container's user namespace. */
  ids?: IdRange | undefined;
}

/** @param onFailure called if the process cannot be traced */
export function prepareTracing({ args, onTrace, ids }: Traced, onFailure: () => void): Tracing {
  const [tee, grep] = hookPrograms.map(program);
  // The hooks open these pipes by their names in /proc, so no file is needed on disk.
  const [stateRead, stateWrite] = native().pipe();
  const [wait, go] = native().pipe();
  const [outputRead, outputWrite] = onTrace === undefined ? [] : native().pipe();
  // Programs reopen it by its name, /dev/stderr, so it must belong to the namespace's root.
  if (outputWrite !== undefined && ids) fchownSync(outputWrite, ids.start, ids.start);
  const at = (fd: number) => `/proc/${process.pid}/fd/${fd}`;
  const state = new Socket({ fd: stateRead, readable: true, writable: false });
  const closeOnce = closer();
  const release = () => closeOnce(go);
  const seized = seize(state, args, outputWrite)
    .then((followed) => {
      if (followed) writeSync(go, 'followed\n');
      return followed;
    })
    .finally(release);
  seized.catch(onFailure);
  return {
    hooks: {
      // The first hook sends us the state, which names the process. The second waits until the process is traced, and
      // fails without that: if Milliner died before, no process would enforce the program's limits.
      createRuntime: [
        { path: tee, args: ['tee', at(stateWrite)] },
        { path: grep, args: ['grep', '-q', 'followed', at(wait)] },
      ],
    },
    ...(outputWrite !== undefined && { handed: outputWrite }),
    ...(outputRead !== undefined && {
      words: new Socket({ fd: outputRead, readable: true, writable: false }),
    }),
    release,
    finish: async () => {
      state.destroy();
      for (const fd of [stateWrite, wait, go, outputWrite]) if (fd !== undefined) closeOnce(fd);
      return (await seized)?.ended;
    },
  };
}

function closer(): (fd: number) => void {
  const closed = new Set<number>();
  return (fd) => {
    if (closed.has(fd)) return;
    closed.add(fd);
    close(fd, () => undefined);
  };
}

/** In an object, because the end is a promise too, which would be awaited. */
async function seize(
  state: Socket,
  args: readonly string[],
  words?: number,
): Promise<{ ended: Promise<Trace> } | undefined> {
  const pid = await readPid(state);
  return pid === undefined ? undefined : follow(pid, args, words);
}

async function follow(
  pid: number,
  args: readonly string[],
  words?: number,
): Promise<{ ended: Promise<Trace> }> {
  const line = Buffer.from(args.map((arg) => `${arg}\0`).join(''));
  const { seized, ended } = native().followChildren(pid, line, words);
  await seized.catch((error: NativeError) => {
    throw cannotTrace(error);
  });
  return { ended };
}

/** A state has some hundred bytes. */
const maxStateBytes = 1024 * 1024;

async function readPid(state: Socket): Promise<number | undefined> {
  let text = '';
  try {
    for await (const chunk of state) {
      text += String(chunk);
      const pid = pidOf(text);
      if (pid !== undefined || text.length > maxStateBytes) return pid;
    }
  } catch (error) {
    // The pipe is destroyed if the runtime ended before it reached its hooks.
    if (!state.destroyed) throw error;
  }
  return undefined;
}

/** Undefined while the text is incomplete. */
function pidOf(text: string): number | undefined {
  try {
    const { pid } = JSON.parse(text) as { pid?: unknown };
    return typeof pid === 'number' && Number.isSafeInteger(pid) && pid > 0 ? pid : undefined;
  } catch {
    return undefined;
  }
}

/**
 * For doctor: checks that a process can be traced here. Throws HOST_MISSING. It traces a grandchild, because the
 * tracing thread would collect the exit status of a direct child, and Node would never see it.
 */
export async function probeTracing(): Promise<string> {
  hookPrograms.forEach(program);
  const child = start('timeout', ['--kill-after=1', '10', 'sleep', '10']);
  try {
    const { ended } = await follow(await childOf(child.pid), ['sleep', '10']);
    child.kill('SIGTERM');
    await ended;
  } finally {
    child.kill('SIGTERM');
    await child;
  }
  return 'works';
}

async function childOf(pid: number | undefined): Promise<number> {
  for (let tries = 0; tries < 200; tries++) {
    if (pid === undefined) break;
    const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
    const first = Number(children.split(' ')[0]);
    if (first > 0) return first;
    await sleep(10);
  }
  throw new MillinerError('HOST_MISSING', 'the kernel does not list the children of a process', {
    hint: tracingHint,
  });
}

const tracingHint =
  'Allow Milliner ptrace(2) of its own processes: CAP_SYS_PTRACE, and a kernel with CONFIG_PROC_CHILDREN.';

function cannotTrace(error: NativeError): MillinerError {
  return new MillinerError('HOST_MISSING', `Milliner cannot trace rpm on this host (${error.message})`, {
    hint: tracingHint,
    cause: error,
  });
}

/** Programs that the hooks run. */
const hookPrograms = ['tee', 'grep'] as const;
const directories = ['/usr/bin', '/bin', '/usr/local/bin'];

function program(name: (typeof hookPrograms)[number]): string {
  const found = directories.map((directory) => `${directory}/${name}`).find((path) => existsSync(path));
  if (found !== undefined) return found;
  throw new MillinerError('HOST_MISSING', `${name} is not installed`, { details: { program: name } });
}
