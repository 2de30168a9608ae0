import { expect, test } from 'vitest';
import { failedAttempt, passedVerdict, retriedVerdict } from '../../../test/helpers/verdicts.ts';
import { requirePassedResult, testResult } from './test-result.ts';

const digest = passedVerdict.manifestDigest;
const plain = (value: object) => JSON.parse(JSON.stringify(value)) as Record<string, unknown>;
const missing = expect.objectContaining({ code: 'VERDICT_MISSING' });

test('a verdict says how often the image was booted, and why it was booted again', () => {
  const result = plain(testResult(retriedVerdict));
  expect(result).toMatchObject({
    result: 'PASSED',
    attempts: 2,
    failedTests: [],
    verdict: { failedAttempts: [failedAttempt] },
  });
  expect(requirePassedResult(result, digest)).toEqual({ recipe: 'hat', retries: 1 });
  expect(requirePassedResult(plain(testResult(passedVerdict)), digest)).toEqual({
    recipe: 'hat',
    retries: 0,
  });
});

test('a verdict of before there were retries is read as one boot', () => {
  const { attempts: _, ...older } = plain(testResult(passedVerdict));
  expect(requirePassedResult(older, digest)).toEqual({ recipe: 'hat', retries: 0 });
});

test.each([
  ['more attempts than it lists', { attempts: 3 }],
  ['fewer attempts than it lists', { attempts: 1 }],
  ['a list and no number', { attempts: undefined }],
  ['no attempt', { attempts: 0 }],
  ['half an attempt', { attempts: 1.5 }],
  ['a number as text', { attempts: '2' }],
  ['another image', { verdict: { ...retriedVerdict, manifestDigest: `sha256:${'4'.repeat(64)}` } }],
  ['an attempt without a cause', { verdict: { ...retriedVerdict, failedAttempts: [{ causes: [] }] } }],
  ['attempts without end', { attempts: 101, verdict: { ...retriedVerdict, failedAttempts: manyAttempts() } }],
])('a signed verdict with %s is refused', (_name, change) => {
  const changed = { ...plain(testResult(retriedVerdict)), ...change };
  expect(() => requirePassedResult(changed, digest)).toThrow(missing);
});

function manyAttempts() {
  return Array.from({ length: 100 }, () => failedAttempt);
}
