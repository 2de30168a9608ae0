/**
 * Boots that failed and were repeated. A service that loses a race fails a sound image now and then, and the recipe says
 * how often the image is booted again. Each failed boot stays in the verdict, so that no flake passes unseen.
 */
import type { CauseCode, FailedAttempt, Verdict } from './verdict.ts';

/**
 * Causes that another boot may not have. The others would hide a fault: a program that cannot be started is missing from
 * the tree, and an image that reaches a limit of its recipe will do so in production.
 */
const retriedCauses: ReadonlySet<CauseCode> = new Set<CauseCode>([
  'exited',
  'not-ready',
  'unit-failed',
  'unit-restarted',
  'check-failed',
  'not-stopped',
  'unit-newly-failed',
  'boot-slowed',
  'journal-worse',
]);

/** Bounds of one failed boot: a hundred instances with five retries could fill a verdict that is signed. */
export const maxAttemptCauses = 50;
export const maxAttemptInstances = 4;
const maxMessageLength = 4096;
const maxAttemptJournal = 50;

export function canRetry({ causes }: Pick<Verdict, 'causes'>): boolean {
  return causes.length > 0 && causes.every(({ code }) => retriedCauses.has(code));
}

/** The evidence of a boot that failed: its causes, the checks that failed, and the instances with a cause. */
export function failedAttemptOf(verdict: Verdict): FailedAttempt {
  const { started, finished, causes, checks, instances } = verdict;
  const failed = new Set(causes.map(({ instance }) => instance));
  // A cause of the image as a whole has the evidence of each.
  const cut = (text: string) => text.slice(0, maxMessageLength);
  return {
    started,
    finished,
    causes: causes.slice(0, maxAttemptCauses).map((cause) => ({ ...cause, message: cut(cause.message) })),
    checks: checks.filter(({ passed }) => !passed).slice(0, maxAttemptCauses),
    instances: instances
      .filter(({ instance }) => failed.has(0) || failed.has(instance))
      .slice(0, maxAttemptInstances)
      .map((report) => ({ ...report, journalErrors: report.journalErrors.slice(-maxAttemptJournal) })),
  };
}

/** How often the image was booted again before this verdict. */
export function retriesOf({ failedAttempts = [] }: Pick<Verdict, 'failedAttempts'>): number {
  return failedAttempts.length;
}

/** ` after 1 retry`, for the end of a sentence; empty where there was none. */
export function afterRetries(retries: number): string {
  if (retries === 0) return '';
  return ` after ${retries === 1 ? '1 retry' : `${retries} retries`}`;
}
