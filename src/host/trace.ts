/**
 * Follows the programs that a container's first process starts, by ptrace from outside. The runtime stops at a hook
 * before it runs the container's program (OCI runtime specification 1.0.2, createRuntime): there we seize the process.
 */
import { existsSync } from 'node:fs';
import { close } from 'node:fs';
import { Socket } from 'node:net';
import { MillinerError } from '../errors.ts';
import { native, type NativeError, type Trace } from './native.ts';

export type { Trace, TracedProgram } from './native.ts';

export interface Tracing {
  /** For the container's configuration. */
  hooks: object;
  /** What was traced, once the container has ended; undefined where it never came to the hook. Throws HOST_MISSING. */
  finish(): Promise<Trace | undefined>;
}

/** @param args of the container's program; @param onFailure called once the process cannot be followed: it waits for ever */
export function prepareTracing(args: readonly string[], onFailure: () => void): Tracing {
  // The hooks reach our pipes by their names in /proc: nothing of them lies on a disk.
  const [told, tell] = native().pipe();
  const [wait, go] = native().pipe();
  const at = (fd: number) => `/proc/${process.pid}/fd/${fd}`;
  const state = new Socket({ fd: told, readable: true, writable: false });
  const seized = seize(state, args);
  seized.then(() => closeOnce(go), onFailure);
  const closeOnce = closer();
  return {
    hooks: {
      // The first hands us the state, which names the process; the second waits until we close our end.
      createRuntime: [
        { path: program('tee'), args: ['tee', at(tell)] },
        { path: program('cat'), args: ['cat', at(wait)] },
      ],
    },
    finish: async () => {
      state.destroy();
      for (const fd of [tell, wait, go]) closeOnce(fd);
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

/** Wrapped, because what ends later is a promise too. */
async function seize(state: Socket, args: readonly string[]): Promise<{ ended: Promise<Trace> } | undefined> {
  const pid = await readPid(state);
  if (pid === undefined) return undefined;
  const line = Buffer.from(args.map((arg) => `${arg}\0`).join(''));
  const { seized, ended } = native().followChildren(pid, line);
  await seized.catch((error: NativeError) => {
    throw cannotTrace(error);
  });
  return { ended };
}

/** A state is some hundred bytes. */
const largestState = 1024 * 1024;

async function readPid(state: Socket): Promise<number | undefined> {
  let text = '';
  try {
    for await (const chunk of state) {
      text += String(chunk);
      const pid = pidOf(text);
      if (pid !== undefined || text.length > largestState) return pid;
    }
  } catch (error) {
    // Destroyed: the runtime has ended before it came to its hooks.
    if (!state.destroyed) throw error;
  }
  return undefined;
}

/** Undefined as long as the text is not whole. */
function pidOf(text: string): number | undefined {
  try {
    const { pid } = JSON.parse(text) as { pid?: unknown };
    return typeof pid === 'number' && Number.isSafeInteger(pid) && pid > 0 ? pid : undefined;
  } catch {
    return undefined;
  }
}

export function cannotTrace(error: NativeError): MillinerError {
  return new MillinerError('HOST_MISSING', `rpm cannot be followed here (${error.message})`, {
    hint: 'Milliner needs ptrace(2) of its own processes: CAP_SYS_PTRACE, and a kernel with CONFIG_PROC_CHILDREN.',
    cause: error,
  });
}

const directories = ['/usr/bin', '/bin', '/usr/local/bin'];

function program(name: string): string {
  const found = directories.map((directory) => `${directory}/${name}`).find((path) => existsSync(path));
  if (found !== undefined) return found;
  throw new MillinerError('HOST_MISSING', `${name} is not installed`, { details: { program: name } });
}
