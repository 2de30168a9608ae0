/** run --detach: a process of its own looks after the instances; we wait until it says that they are ready. */
import { MillinerError } from '../../lib/errors/error.ts';
import { errorFrom, type Failure } from '../../lib/errors/wire.ts';
import { startDetached } from '../../lib/host/exec.ts';
import type { Started } from './run.ts';

export type Report = Started | { error: Failure };

/** Throws what the other process failed with; then nothing of it is left. */
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

/** The other side: tells whoever waits, if anybody does. */
export function reportToParent(report: Report): void {
  if (!process.connected) return;
  process.send?.(report, undefined, undefined, () => {
    if (process.connected) process.disconnect();
  });
}
