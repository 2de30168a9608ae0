import { expect, test } from 'vitest';
import { passedVerdict } from '../../../test/helpers/verdicts.ts';
import { canRetry, failedAttemptOf, maxAttemptCauses, maxAttemptInstances, retriesOf } from './attempts.ts';
import { causeCodes, type Cause, type CauseCode, type Verdict } from './verdict.ts';

const cause = (code: CauseCode, instance = 1): Cause => ({ code, message: 'torn', instance });

test('a boot is repeated for what may pass, and not for what the image or its limits decide', () => {
  const retried = causeCodes.filter((code) => canRetry({ causes: [cause(code)] }));
  expect(retried.toSorted()).toEqual([
    'boot-slowed',
    'check-failed',
    'exited',
    'journal-worse',
    'not-ready',
    'not-stopped',
    'unit-failed',
    'unit-newly-failed',
    'unit-restarted',
  ]);
});

test('one cause that stays is enough; a boot that passed is not repeated', () => {
  expect(canRetry({ causes: [cause('check-failed'), cause('not-ready', 2)] })).toBe(true);
  expect(canRetry({ causes: [cause('check-failed'), cause('out-of-memory', 2)] })).toBe(false);
  expect(canRetry({ causes: [] })).toBe(false);
});

test('of a failed boot the evidence of its failures stays', () => {
  const report = passedVerdict.instances[0]!;
  const failed = { ...passedVerdict.checks[0]!, passed: false, instance: 2 };
  const verdict: Verdict = {
    ...passedVerdict,
    passed: false,
    causes: [cause('check-failed', 2)],
    checks: [...passedVerdict.checks, failed],
    instances: [report, { ...report, instance: 2, log: ['no felt'] }],
  };
  const attempt = failedAttemptOf(verdict);
  expect(attempt).toMatchObject({ started: verdict.started, causes: verdict.causes, checks: [failed] });
  expect(attempt.instances).toEqual([verdict.instances[1]]);
});

test('its lists are bounded, however much there is of them', () => {
  const numbers = Array.from({ length: 100 }, (_, index) => index + 1);
  const journalErrors = numbers.map((number) => ({ unit: 'a.service', message: String(number) }));
  const report = { ...passedVerdict.instances[0]!, journalErrors };
  const { causes, checks, instances } = failedAttemptOf({
    ...passedVerdict,
    passed: false,
    causes: numbers.map((instance) => ({ ...cause('exited', instance), message: 'x'.repeat(100_000) })),
    checks: numbers.map((instance) => ({ ...passedVerdict.checks[0]!, passed: false, instance })),
    instances: numbers.map((instance) => ({ ...report, instance })),
  });
  expect([causes.length, checks.length, instances.length]).toEqual([
    maxAttemptCauses,
    maxAttemptCauses,
    maxAttemptInstances,
  ]);
  expect(causes[0]!.message.length).toBe(4096);
  // The newest entries: the failure ends the test.
  expect(instances[0]!.journalErrors.at(-1)).toEqual(journalErrors.at(-1));
  expect(instances[0]!.journalErrors.length).toBe(50);
});

test('a verdict of before there were retries has none', () => {
  expect(retriesOf(passedVerdict as Verdict)).toBe(0);
  expect(retriesOf({ failedAttempts: [failedAttemptOf(passedVerdict)] })).toBe(1);
});
