/** One more program in a container, followed to its end: how long it may take, and what it may write. */
import { MillinerError } from '../errors/error.ts';
import { start, type RunResult } from '../host/exec.ts';

export interface ExecOptions {
  /** Milliseconds; then the program is killed, and `exitCode` is that of a killed program. */
  timeout: number;
  signal?: AbortSignal | undefined;
}

export type Starter = ReturnType<typeof start>;

/** Bytes; a program that writes more is killed. */
const maxOutputBytes = 16 * 1024 * 1024;
/** Milliseconds to read output that was written before the program ended. */
const patienceForOutput = 3000;

/**
 * Throws INTERRUPTED.
 * @param starter what starts the program in the container, with its arguments
 * @param kill ends the program and its starter
 */
export async function followProgram(
  { starter, args, name }: { starter: string; args: readonly string[]; name: string | undefined },
  { timeout, signal }: ExecOptions,
  kill: (child: Starter) => void,
): Promise<RunResult & { timedOut: boolean }> {
  const child = start(starter, args, { maxBuffer: maxOutputBytes });
  let timedOut = false;
  const end = () => kill(child);
  const timer = setTimeout(() => {
    timedOut = true;
    end();
  }, timeout);
  signal?.addEventListener('abort', end);
  if (signal?.aborted) end();
  child.nodeChildProcess.once('exit', () => setTimeout(() => closeOutput(child), patienceForOutput).unref());
  const { exitCode = 137, stdout, stderr } = await child;
  clearTimeout(timer);
  signal?.removeEventListener('abort', end);
  if (signal?.aborted) throw new MillinerError('INTERRUPTED', `${name} was stopped`);
  return { exitCode, stdout: stdout ?? '', stderr: stderr ?? '', timedOut };
}

/** A program in the background may hold the output open without end. */
function closeOutput({ stdout, stderr }: Starter): void {
  for (const stream of [stdout, stderr]) stream?.destroy();
}
