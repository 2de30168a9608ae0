/** The verdict of a stack: that of each service, and of the checks between them. */
import { MillinerError } from '../../lib/errors/error.ts';
import type { Digest } from '../../lib/oci/digest.ts';
import type { Cause, CheckResult, Verdict } from './verdict.ts';

export interface StackCause extends Cause {
  service: string;
}

/** Of a check that one service makes of another. */
export interface CrossingResult extends CheckResult {
  /** Where it runs. */
  from: string;
}

/** A boot that failed before the stack was booted again. */
export interface FailedStackAttempt {
  /** ISO 8601. */
  started: string;
  finished: string;
  causes: StackCause[];
}

export interface StackVerdict {
  name: string;
  /** Of the resolved stack, which names its images by digest. */
  stackDigest: Digest;
  passed: boolean;
  causes: StackCause[];
  checks: CrossingResult[];
  /** Those that were started. */
  services: Record<string, Verdict>;
  /** Seconds from the first start until all were ready; absent if one never was. */
  readySeconds?: number;
  host: Verdict['host'];
  /** ISO 8601. Of the last boot. */
  started: string;
  finished: string;
  failedAttempts?: FailedStackAttempt[];
}

export type StackVerdictInput = Omit<StackVerdict, 'passed' | 'causes'>;

/** It passed if no service and no check between them failed, and each service was started. */
export function makeStackVerdict(input: StackVerdictInput, wanted: readonly string[]): StackVerdict {
  const own = Object.entries(input.services).flatMap(([service, { causes }]) =>
    causes.map((cause) => ({ ...cause, service })),
  );
  const between = input.checks
    .filter(({ passed }) => !passed)
    .map(({ check, from, instance, problem, seconds }) => ({
      code: 'check-failed' as const,
      message: `${check}: ${problem} after ${seconds} s`,
      service: from,
      instance,
    }));
  const causes = [...own, ...between];
  const isWhole = wanted.every((name) => Object.hasOwn(input.services, name));
  return { ...input, passed: causes.length === 0 && isWhole, causes };
}

/** Requires that a stack has passed its boot as it is now. Throws IMAGE_UNBOOTED. */
export function requirePassedStack(verdict: StackVerdict | undefined, name: string): StackVerdict {
  if (verdict?.passed === true) return verdict;
  const reason = verdict ? 'did not pass its boot' : 'was not booted with these images';
  throw new MillinerError('IMAGE_UNBOOTED', `the stack ${name} ${reason}`, {
    hint: `Boot it: milliner boot ${name}.stack.`,
    details: { name },
  });
}
