/** What another machine may say of a boot: whole and without contradictions, or nothing. */
import { describe, expect, test } from 'vitest';
import {
  failedAttempt,
  passedVerdict as verdict,
  retriedVerdict,
  richVerdict,
} from '../../../test/helpers/verdicts.ts';
import type { Verdict } from '../../stages/boot/verdict.ts';
import { parseVerdict } from './received-verdict.ts';

const bytes = (value: unknown) => Buffer.from(JSON.stringify(value));
const refuses = (value: unknown) => {
  expect(() => parseVerdict(bytes(value))).toThrow(expect.objectContaining({ code: 'EXCHANGE_INVALID' }));
};

test.each<Verdict>([verdict, retriedVerdict, richVerdict])(
  'what Milliner writes is taken as it is',
  (one) => {
    expect(parseVerdict(bytes(one))).toEqual(one);
  },
);

test('one that failed is one, with its retries used up or without any', () => {
  const failed = { passed: false, causes: [{ code: 'exited', message: 'x', instance: 1 }] };
  for (const one of [
    { ...verdict, ...failed },
    { ...retriedVerdict, ...failed },
  ]) {
    expect(parseVerdict(bytes(one))).toEqual(one);
  }
});

type Change = Record<string, unknown>;

describe('a verdict', () => {
  const { plan } = verdict;
  const port = { protocol: 'tcp', address: '::', port: 1 };
  const withInstance = (fields: Change) => ({ instances: [{ ...verdict.instances[0], ...fields }] });
  const changes: [string, Change][] = [
    ['that passed with a cause', { causes: [{ code: 'exited', message: '', instance: 1 }] }],
    ['that passed with a failed check', { checks: [{ ...verdict.checks[0], passed: false }] }],
    ['that passed without an instance', { instances: [] }],
    ['that passed with fewer instances than its plan', { plan: { ...plan, instances: 2 } }],
    ['of a cause that there is not', { causes: [{ code: 'fine', message: '', instance: 1 }], passed: false }],
    ['that passed as a word', { passed: 'true' }],
    ['of no time', { finished: 'yesterday' }],
    ['with more retries than a recipe may have', { plan: { ...plan, retries: 6 } }],
    ['with a field of its own', { retries: 1 }],
    ['that passed with a fatal change', { comparison: richVerdict.comparison }],
    ['with a port that is none', withInstance({ ports: [{ protocol: 'tcp', address: '::', port: 0 }] })],
    ['with ports without end', withInstance({ ports: Array.from({ length: 1001 }, () => port) })],
    [
      'with a unit that began before the boot',
      withInstance({ units: [{ unit: 'x', state: '', start: -1 }] }),
    ],
    ['with a mode that is none', { privileged: [{ path: '/x', mode: '9999' }] }],
    ['with a history of less than none', { history: { boots: -1, failed: 0, flaky: 0 } }],
  ];
  test.each(changes)('%s', (_name, change) => refuses({ ...verdict, ...change }));
});

describe('a failed attempt', () => {
  const changed = (change: Change) => ({ failedAttempts: [{ ...failedAttempt, ...change }] });
  const many = <T>(length: number, value: T) => Array.from({ length }, () => value);
  const changes: [string, Change][] = [
    ['that the plan does not allow', { plan: verdict.plan }],
    ['more than the plan allows', { failedAttempts: many(3, failedAttempt) }],
    ['in a list of none', { failedAttempts: [] }],
    ['without a cause', changed({ causes: [] })],
    ['of a cause that there is not', changed({ causes: [{ code: 'fine', message: '', instance: 1 }] })],
    ['with a check that passed', changed({ checks: verdict.checks })],
    ['with causes without end', changed({ causes: many(51, failedAttempt.causes[0]) })],
    ['with instances without end', changed({ instances: many(5, failedAttempt.instances[0]) })],
    ['of no time', changed({ started: '' })],
    ['that passed', changed({ passed: true })],
  ];
  test.each(changes)('%s', (_name, change) => refuses({ ...retriedVerdict, ...change }));
});

test.each([
  ['no JSON', Buffer.from('{')],
  ['bytes', Buffer.from([0xff, 0xfe])],
  ['a list', bytes([])],
  ['a prototype', Buffer.from('{"__proto__": {"name": "hat"}}')],
])('%s is none', (_name, from) => {
  expect(() => parseVerdict(from)).toThrow(expect.objectContaining({ code: 'EXCHANGE_INVALID' }));
});
