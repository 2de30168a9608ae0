import { expect, test } from 'vitest';
import { failedAttempt, passedVerdict, retriedVerdict } from '../../../test/helpers/verdicts.ts';
import type { Verdict } from '../../stages/boot/verdict.ts';
import { countBoots, lastGood, withBoot, type BootHistory } from './boot-history.ts';
import { factsOf } from '../../stages/boot/compare-boots.ts';

const none: BootHistory = { boots: [], good: [] };
const of = (digit: string, verdict: Verdict = passedVerdict): Verdict => ({
  ...verdict,
  manifestDigest: `sha256:${digit.repeat(64)}`,
});
const failed: Verdict = { ...passedVerdict, passed: false, causes: failedAttempt.causes };
const after = (...verdicts: Verdict[]) => verdicts.reduce(withBoot, none);

test('a boot is flaky that passed after a retry, or after a boot of the same image had failed', () => {
  const counts = (...verdicts: Verdict[]) => countBoots(after(...verdicts));
  expect(counts(of('1'), of('1', retriedVerdict))).toEqual({ boots: 2, failed: 0, flaky: 1 });
  expect(counts(of('1', failed), of('2'), of('1'))).toEqual({ boots: 3, failed: 1, flaky: 1 });
  // Another image may have been mended.
  expect(counts(of('1', failed), of('2'))).toEqual({ boots: 2, failed: 1, flaky: 0 });
  expect(counts(of('1', failed), of('1', failed))).toEqual({ boots: 2, failed: 2, flaky: 0 });
});

test('the last good boot is of another image, and of the same backend where there is one', () => {
  const machine = { ...passedVerdict, host: { ...passedVerdict.host, runtime: 'machine 7.2' } };
  const history = after(of('1'), of('2', machine), of('3', failed), of('4'));
  const now = factsOf(of('4'));
  const digit = (facts = now) => lastGood(history, facts)?.manifestDigest[7];
  expect(digit()).toBe('1');
  expect(digit({ ...now, backend: 'machine' })).toBe('2');
  expect(digit({ ...now, backend: 'crun' })).toBe('2');
  expect(lastGood(none, now)).toBeUndefined();
});

test('failures drive no good boot out, and each image is there once', () => {
  const many = Array.from({ length: 100 }, () => of('2', failed));
  const history = after(of('1'), of('1'), ...many);
  expect(history.good.map(({ manifestDigest }) => manifestDigest[7])).toEqual(['1']);
  expect(history.boots.length).toBeLessThanOrEqual(50);
});
