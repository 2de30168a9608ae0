/** For `run --detach` and `boot --keep`: another process supervises the instances, and this one waits for its answer. */
import { MillinerError } from '../../lib/errors/error.ts';
import type { DetachedProcess } from '../../lib/host/detached.ts';
import { errorFrom, type Failure } from '../../lib/errors/wire.ts';

/** What the other process says: lines for people, then once its answer or its failure. */
export type Report<T> = { line: string } | { answer: T } | { error: Failure };

/** Waits for the answer of a process that was started detached. Throws its failure, once it has ended. */
export async function answerOf<T>(
  child: DetachedProcess,
  signal: AbortSignal | undefined,
  onLine: (line: string) => void = () => {},
): Promise<T> {
  const stop = () => child.kill('SIGTERM');
  signal?.addEventListener('abort', stop);
  const ended = new Promise<undefined>((done) => {
    child.once('exit', () => done(undefined));
    child.once('error', () => done(undefined));
  });
  const report = await Promise.race([
    new Promise<Exclude<Report<T>, { line: string }>>((done) => {
      child.on('message', (message) => {
        const said = message as Report<T>;
        if ('line' in said) onLine(said.line);
        else done(said);
      });
    }),
    ended,
  ]);
  signal?.removeEventListener('abort', stop);
  if (report && 'answer' in report) {
    child.disconnect();
    child.unref();
    return report.answer;
  }
  await ended;
  signal?.throwIfAborted();
  if (!report) throw new MillinerError('INTERNAL', 'the process that supervises the instances has died');
  throw errorFrom(report.error);
}

/** In the supervisor process: sends the report to the parent, if that still waits. A line is not the last one. */
export function reportToParent<T>(report: Report<T>): void {
  if (!process.connected) return;
  process.send?.(report, undefined, undefined, () => {
    if (process.connected && !('line' in report)) process.disconnect();
  });
}
