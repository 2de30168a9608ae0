/** What `boot` and the queue answer about a verdict: lines for people, and the error of an image that did not pass. */
import { MillinerError } from '../../lib/errors/error.ts';
import type { RunningInstance } from './instance-records.ts';
import type { Digest } from '../../lib/oci/digest.ts';
import { afterRetries, retriesOf } from '../../stages/boot/attempts.ts';
import type { StackCause, StackVerdict } from '../../stages/boot/stack-verdict.ts';
import type { Cause, Verdict } from '../../stages/boot/verdict.ts';

const causeLine = ({ code, message, instance }: Cause) =>
  `${code}${instance === 0 ? '' : ` (instance ${instance})`}: ${message}`;

/**
 * What became worse since the last good boot, and how often boots of the recipe were flaky: apart from the answer, because
 * it depends on earlier boots.
 */
export function comparisonLines({ comparison, history }: Verdict): string[] {
  const { boots = 0, flaky = 0 } = history ?? {};
  return [
    ...(comparison?.changes ?? []).map(({ message }) => `worse   ${message}`),
    ...(flaky === 0 ? [] : [`flaky   ${flaky} of the last ${boots} boots`]),
  ];
}

/** Of a verdict that passed. */
export function passedLines(verdict: Verdict): string[] {
  const { checks, readySeconds, failedAttempts = [] } = verdict;
  const retries = retriesOf(verdict);
  return [
    ...failedAttempts.flatMap(({ causes }, index) =>
      causes.map((cause) => `failed  boot ${index + 1}: ${causeLine(cause)}`),
    ),
    ...checks.map(
      ({ check, instance, attempts }) => `passed  ${check} (instance ${instance}, attempt ${attempts})`,
    ),
    `ready   after ${readySeconds} s`,
    ...(retries === 0 ? [] : [`passed ${afterRetries(retries)}`]),
  ];
}

/** Of a stack that passed. */
export function passedStackLines({
  checks,
  services,
  readySeconds,
  failedAttempts = [],
}: StackVerdict): string[] {
  return [
    ...failedAttempts.flatMap(({ causes }, index) =>
      causes.map((cause) => `failed  boot ${index + 1}: ${stackCauseLine(cause)}`),
    ),
    ...Object.entries(services).flatMap(([name, verdict]) =>
      passedLines(verdict).map((line) => `${name}: ${line}`),
    ),
    ...checks.map(({ check, attempts }) => `passed  ${check} (attempt ${attempts})`),
    `ready   after ${readySeconds} s`,
    ...(failedAttempts.length === 0 ? [] : [`passed ${afterRetries(failedAttempts.length)}`]),
  ];
}

const stackCauseLine = ({ service, ...cause }: StackCause) => `${service}: ${causeLine(cause)}`;

export function stackFailure(verdict: StackVerdict): MillinerError {
  const { name, causes, failedAttempts = [] } = verdict;
  const words = causes.map(stackCauseLine).join('\n');
  const message = `${name} did not pass${afterRetries(failedAttempts.length)}:\n${words}`;
  return new MillinerError('BOOT_FAILED', message, {
    hint: 'Fix the named causes. The state directory has the verdict with its evidence in stacks/NAME@ARCH.json.',
    details: { ...verdict },
  });
}

/** The answer of `boot`: the verdict, and the number of retries that its list of failed attempts has. */
export function withRetries(verdict: Verdict): Verdict & { retries: number } {
  return { ...verdict, retries: retriesOf(verdict) };
}

/** The error names instances that were kept, and carries the whole verdict, or the digest of the stored one, because its evidence may be long. */
export function bootFailure(
  verdict: Verdict,
  storedVerdict?: Digest,
  kept: RunningInstance[] = [],
): MillinerError {
  const { name, manifestDigest, causes, failedAttempts = [] } = verdict;
  const retries = retriesOf(verdict);
  // The last boot comes first: a long message is cut at its end.
  const words = [
    ...causes.map(causeLine),
    ...failedAttempts.flatMap((attempt, index) =>
      attempt.causes.map((cause) => `boot ${index + 1}: ${causeLine(cause)}`),
    ),
  ];
  const short = { passed: false, manifestDigest, causes, retries, verdict: storedVerdict };
  return new MillinerError(
    'BOOT_FAILED',
    `${name} did not pass${afterRetries(retries)}:\n${words.join('\n')}`,
    {
      details: {
        ...(storedVerdict === undefined ? withRetries(verdict) : short),
        ...(kept.length > 0 && { kept }),
      },
    },
  );
}
