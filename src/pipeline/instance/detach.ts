/** For `run --detach`: a separate process supervises the instances, and this one waits until they are ready. */
import { MillinerError } from '../../lib/errors/error.ts';
import { errorFrom, type Failure } from '../../lib/errors/wire.ts';
import { startDetached } from '../../lib/host/exec.ts';
import type { Started } from './run.ts';

export type Report = Started | { error: Failure };

/** Throws the failure of the other process, once that has ended. */
export async function runDetached(args: string[], signal: AbortSignal | undefined): Promise<Started> {
  const child = startDetached(process.execPath, [process.argv[1]!, ...args]);
  const stop = () => child.kill('SIGTERM');
  signal?.addEventListener('abort', stop);
  const ended = new Promise<undefined>((done) => {
    child.once('exit', () => done(undefined));
    child.once('error', () => done(undefined));
  });
  const report = await Promise.race([
    new Promise<Report>((done) => child.once('message', (message) => done(message as Report))),
    ended,
  ]);
  signal?.removeEventListener('abort', stop);
  if (report && 'instances' in report) {
    child.disconnect();
    child.unref();
    return report;
  }
  await ended;
  signal?.throwIfAborted();
  if (!report) throw new MillinerError('INTERNAL', 'the process that supervises the instances has died');
  throw errorFrom(report.error);
}

/** In the supervisor process: sends the report to the parent, if that still waits. */
export function reportToParent(report: Report): void {
  if (!process.connected) return;
  process.send?.(report, undefined, undefined, () => {
    if (process.connected) process.disconnect();
  });
}
