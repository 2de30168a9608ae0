/** Runs the recipe's checks: each is repeated until it passes or its time is over. */
import { setTimeout as sleep } from 'node:timers/promises';
import { monotonic } from './clock.ts';
import type { Instance } from './instance.ts';
import type { Check, TimedCheck } from './plan.ts';
import type { CheckResult } from './verdict.ts';

/** Milliseconds for one attempt, because a server may accept a connection and never answer. */
const maxAttemptMilliseconds = 5000;

export interface CheckContext {
  instance: Instance;
  number: number;
  signal: AbortSignal;
  /** Milliseconds for a check without a timeout of its own. */
  timeout: number;
}

/** All at once, as clients would connect. */
export function runChecks(context: CheckContext, checks: TimedCheck[]): Promise<CheckResult[]> {
  return Promise.all(checks.map((check) => runCheck(context, check)));
}

async function runCheck(context: CheckContext, { name, check, interval, ...own }: TimedCheck) {
  const timeout = own.timeout ?? context.timeout;
  const began = monotonic();
  const result = (attempts: number, problem: string | undefined): CheckResult => ({
    check: name,
    instance: context.number,
    passed: problem === undefined,
    attempts,
    seconds: Math.round(monotonic() - began) / 1000,
    ...(problem !== undefined && { problem }),
  });
  let told: string | undefined;
  for (let attempts = 1; ; attempts++) {
    const remaining = began + timeout - monotonic();
    const allowed = Math.max(1, Math.min(maxAttemptMilliseconds, remaining));
    const asked = monotonic();
    const problem = await attempt(context, check, allowed);
    if (problem === undefined) return result(attempts, undefined);
    // An attempt that the end of the check cut short says no more than that; the one before it says why.
    const isCut = allowed < maxAttemptMilliseconds && monotonic() - asked >= allowed;
    if (!isCut || told === undefined) told = problem;
    if (monotonic() - began + interval > timeout) return result(attempts, told);
    await sleep(interval, undefined, { signal: context.signal });
  }
}

/** Undefined if it passes, otherwise the reason. */
async function attempt(
  { instance, signal }: CheckContext,
  check: Check,
  timeout: number,
): Promise<string | undefined> {
  if ('exec' in check) {
    const { exitCode, stderr, stdout, timedOut } = await instance.exec(check.exec, { timeout, signal });
    if (exitCode === 0) return undefined;
    const words = (stderr.trim() || stdout.trim()).split('\n').at(-1)?.slice(0, 500) ?? '';
    return `${timedOut ? 'no end in time' : `exit status ${exitCode}`}${words && `: ${words}`}`;
  }
  const { network } = instance;
  if (!network) return 'the instance has ended';
  return 'tcp' in check ? network.tcp(check.tcp, timeout) : network.http(check.http, check.status, timeout);
}
