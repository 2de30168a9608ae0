/**
 * Runs `milliner nightly` for a worker, in a process of its own. A night resumes by itself, so an interrupted one is
 * simply run again.
 */
import { extname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { MillinerError } from '../lib/errors/error.ts';
import { errorFrom } from '../lib/errors/wire.ts';
import { killGroup, startCommand } from '../lib/host/exec.ts';
import { LineSplitter } from '../lib/host/lines.ts';
import { removeDeadWorkspaces } from '../pipeline/state/workspace.ts';
import type { Storage } from '../stages/snapshot/storages.ts';
import { readFailure } from './job.ts';
import type { NightClaim } from './night-claims.ts';

export interface NightProcess {
  state: string;
  storage: Storage;
  allowHostRoot: boolean | undefined;
  /** The module to start in place of this package's command line, for tests. */
  program?: string | undefined;
  /** Called with each line of its log. */
  onLine: (line: string) => void;
}

export interface NightAnswer {
  exitCode: number;
  answer: Record<string, unknown>;
}

const commandLine = join(import.meta.dirname, '..', `cli${extname(import.meta.filename)}`);
/** Milliseconds for a night to end what it runs. */
const graceMilliseconds = 30_000;
/** A plan of a thousand recipes has a few megabytes. */
const maxAnswerBytes = 64 * 1024 * 1024;
const maxStderrLines = 20;
const answerSchema = z.record(z.string(), z.unknown());

/** Throws the error that the night ended with; INTERRUPTED after `signal`; WORKER_DIED without an answer. */
export async function runNightProcess(
  night: NightClaim,
  run: NightProcess,
  signal: AbortSignal,
): Promise<NightAnswer> {
  signal.throwIfAborted();
  const child = startCommand(run.program ?? commandLine, argsOf(night, run));
  const stop = () => void terminate(child);
  signal.addEventListener('abort', stop);
  const last: string[] = [];
  const lines = new LineSplitter((line) => {
    if (last.push(line) > maxStderrLines) last.shift();
    run.onLine(line);
  });
  child.stderr!.on('data', (chunk: Buffer) => lines.push(chunk));
  const stdout = collect(child);
  try {
    const how = await endOf(child);
    lines.end();
    const answer = readAnswer(stdout());
    if (signal.aborted) throw new MillinerError('INTERRUPTED', 'the process of the night was ended');
    if (answer === undefined || typeof how !== 'number') {
      await removeDeadWorkspaces(run.state);
      throw new MillinerError(
        'WORKER_DIED',
        `the process of the night ended with ${how}: ${last.join('\n')}`,
      );
    }
    if ('error' in answer) throw errorFrom(readFailure(JSON.stringify(answer['error'])));
    return { exitCode: how, answer };
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

function argsOf({ path, plainHttp }: NightClaim, { state, storage, allowHostRoot }: NightProcess): string[] {
  const args = ['nightly', path, '--state', state, '--storage', storage, '--json'];
  if (allowHostRoot) args.push('--allow-host-root');
  if (plainHttp) args.push('--plain-http');
  return args;
}

type Child = ReturnType<typeof startCommand>;

/** Resolves with the exit code or signal once all output has arrived. */
function endOf(child: Child): Promise<number | string> {
  const { promise, resolve } = Promise.withResolvers<number | string>();
  // A process that it has left behind would hold the pipes open, and so the job.
  child.once('exit', () => child.pid !== undefined && killGroup(child.pid));
  child.once('close', (code, signal) => resolve(code ?? signal ?? 'no exit code'));
  child.on('error', (error) => child.pid === undefined && resolve(error.message));
  return promise;
}

/** Its output so far; an output above the bound ends the process. */
function collect(child: Child): () => string {
  const chunks: Buffer[] = [];
  let size = 0;
  child.stdout!.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size <= maxAnswerBytes) chunks.push(chunk);
    else if (child.pid !== undefined) killGroup(child.pid);
  });
  return () => Buffer.concat(chunks).toString('utf8');
}

function readAnswer(text: string): Record<string, unknown> | undefined {
  try {
    return answerSchema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

async function terminate(child: Child): Promise<void> {
  child.kill('SIGTERM');
  await sleep(graceMilliseconds, undefined, { ref: false });
  if (child.exitCode === null && child.signalCode === null && child.pid !== undefined) killGroup(child.pid);
}
