/** Runs the recipe's checks: each is repeated until it passes or its time is over. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ExecOptions } from '../../lib/container/followed-program.ts';
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

function runCheck(
  context: CheckContext,
  { name, check, interval, ...own }: TimedCheck,
): Promise<CheckResult> {
  const { number, signal, timeout } = context;
  const repeated = { name, number, interval, timeout: own.timeout ?? timeout, signal };
  return repeatCheck(repeated, (remaining) => attempt(context, check, remaining));
}

export interface RepeatedCheck {
  name: string;
  /** Number of the instance that it is run in. */
  number: number;
  /** Milliseconds. */
  timeout: number;
  interval: number;
  signal: AbortSignal;
}

/** @param tryOnce gets the milliseconds it may take; its answer is the reason why the check does not pass */
export async function repeatCheck(
  { name, number, timeout, interval, signal }: RepeatedCheck,
  tryOnce: (timeout: number) => Promise<string | undefined>,
): Promise<CheckResult> {
  const began = monotonic();
  const result = (attempts: number, problem: string | undefined): CheckResult => ({
    check: name,
    instance: number,
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
    const problem = await tryOnce(allowed);
    if (problem === undefined) return result(attempts, undefined);
    // An attempt that the end of the check cut short says no more than that; the one before it says why.
    const isCut = allowed < maxAttemptMilliseconds && monotonic() - asked >= allowed;
    if (!isCut || told === undefined) told = problem;
    if (monotonic() - began + interval > timeout) return result(attempts, told);
    await sleep(interval, undefined, { signal });
  }
}

/** Undefined if it passes, otherwise the reason. */
async function attempt(
  { instance, signal }: CheckContext,
  check: Check,
  timeout: number,
): Promise<string | undefined> {
  if ('exec' in check) return attemptExec(instance, check.exec, { timeout, signal });
  const { network } = instance;
  if (!network) return 'the instance has ended';
  return 'tcp' in check ? network.tcp(check.tcp, timeout) : network.http(check.http, check.status, timeout);
}

export async function attemptExec(
  instance: Instance,
  args: readonly string[],
  options: ExecOptions,
): Promise<string | undefined> {
  const { exitCode, stderr, stdout, timedOut } = await instance.exec(args, options);
  if (exitCode === 0) return undefined;
  const words = (stderr.trim() || stdout.trim()).split('\n').at(-1)?.slice(0, 500) ?? '';
  return `${timedOut ? 'no end in time' : `exit status ${exitCode}`}${words && `: ${words}`}`;
}
