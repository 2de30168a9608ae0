/** The end of a night on GitHub: whatever fails there is told in the night's result, and the next night makes up for it. */
import { MillinerError } from '../lib/errors/error.ts';
import { failureOf, type Failure } from '../lib/errors/wire.ts';
import type { RunOptions } from '../pipeline/state/context.ts';
import { reportSet, type ReportRequest, type UnstoredNight } from './report-set.ts';

/** What tells nothing of the set: the night was stopped, or is another one's. */
const untold = new Set(['INTERRUPTED', 'BUSY', 'USAGE', 'NOT_ROOT', 'SET_NOT_FOUND', 'SET_INVALID']);

/** Throws INTERRUPTED. */
export async function reportNight(
  options: RunOptions,
  request: ReportRequest,
  night: UnstoredNight | undefined,
): Promise<Failure[]> {
  try {
    return (await reportSet(options, request, night))?.failures ?? [];
  } catch (error) {
    if (options.signal?.aborted) throw error;
    const failure = failureOf(error);
    options.progress.warn(`${failure.code}: ${failure.message}`);
    return [failure];
  }
}

/** A night that failed before it had a report. The caller still has the error to throw. */
export async function reportFailure(
  options: RunOptions,
  request: ReportRequest,
  failure: unknown,
): Promise<void> {
  if (options.signal?.aborted || !(failure instanceof MillinerError) || untold.has(failure.code)) return;
  await reportNight(options, request, { failure });
}
