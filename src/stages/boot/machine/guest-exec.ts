/** Programs in a machine, as execInContainer and its like run them in a container. */
import { constants } from 'node:os';
import type { Readable } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ExecOptions } from '../../../lib/container/followed-program.ts';
import { MillinerError } from '../../../lib/errors/error.ts';
import { printableStream } from '../../../lib/host/printable.ts';
import type { ExecResult } from '../instance.ts';
import { startGuestProgram, startGuestTables, type GuestProgram } from './guest-program.ts';
import type { Link } from './link.ts';

/** Bytes of each stream; a program that writes more is killed. */
const maxOutputBytes = 16 * 1024 * 1024;
/** Milliseconds to read output that was written before the program ended: a program in the background may hold it open. */
const patienceForOutput = 3000;
/** Of a program that was killed. */
const killed = 128 + constants.signals.SIGKILL;

/** The environment is the first process's. Throws INTERRUPTED; 255 if the program cannot be started. */
export function execInGuest(
  link: Link,
  args: readonly string[],
  environment: readonly string[],
  options: ExecOptions,
): Promise<ExecResult> {
  return followed(startGuestProgram(link, args, environment), args[0]!, options);
}

/** Asked of the agent, because the image's own programs may say what they like. */
export async function readGuestTables(link: Link, timeout: number): Promise<string | undefined> {
  const { exitCode, stdout } = await followed(startGuestTables(link), 'the agent', { timeout });
  return exitCode === 0 ? stdout : undefined;
}

async function followed(
  program: GuestProgram,
  name: string,
  { timeout, signal }: ExecOptions,
): Promise<ExecResult> {
  program.stdin.end();
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    program.close();
  }, timeout);
  const stop = () => program.close();
  signal?.addEventListener('abort', stop);
  if (signal?.aborted) stop();
  const output = [collect(program.stdout, stop), collect(program.stderr, stop)] as const;
  const exitCode = (await program.ended) ?? killed;
  await untilOutputEnds(program);
  clearTimeout(timer);
  signal?.removeEventListener('abort', stop);
  program.close();
  if (signal?.aborted) throw new MillinerError('INTERRUPTED', `${name} was stopped`);
  const [stdout, stderr] = await Promise.all(output);
  return { exitCode, stdout, stderr, timedOut };
}

async function untilOutputEnds({ stdout, stderr }: GuestProgram): Promise<void> {
  const over = new AbortController();
  const ends = Promise.all([stdout, stderr].map((stream) => finished(stream).catch(() => undefined)));
  await Promise.race([ends, sleep(patienceForOutput, undefined, { signal: over.signal })]);
  over.abort();
}

async function collect(stream: Readable, onTooMuch: () => void): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes <= maxOutputBytes) chunks.push(chunk);
    else onTooMuch();
  }
  return Buffer.concat(chunks).toString('utf8');
}

/**
 * With this process's terminal or pipes, ended by the signal; returns the exit code.
 * @param printable whether what it writes is shown as text, without what terminals obey
 */
export async function attachToGuest(
  link: Link,
  args: readonly string[],
  env: readonly string[],
  { signal, printable, input }: { signal: AbortSignal | undefined; printable: boolean; input: boolean },
): Promise<number> {
  const program = startGuestProgram(link, args, env);
  const stop = () => program.close();
  signal?.addEventListener('abort', stop);
  if (signal?.aborted) stop();
  if (input) process.stdin.pipe(program.stdin);
  else program.stdin.end();
  // The program may end before it has read all.
  program.stdin.on('error', () => undefined);
  const show = (from: Readable, to: NodeJS.WriteStream) =>
    printable || to.isTTY
      ? pipeline(from, printableStream(), to, { end: false })
      : pipeline(from, to, { end: false });
  const shown = Promise.all([show(program.stdout, process.stdout), show(program.stderr, process.stderr)]);
  const exitCode = (await program.ended) ?? killed;
  await untilOutputEnds(program);
  program.close();
  await shown;
  signal?.removeEventListener('abort', stop);
  if (!input) return exitCode;
  process.stdin.unpipe(program.stdin).pause();
  // A file, such as /dev/null, is not waited for, and has no such function.
  if ('unref' in process.stdin) process.stdin.unref();
  return exitCode;
}
