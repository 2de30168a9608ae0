import { expect, test } from 'vitest';
import { testSchema } from '../recipe/schema.ts';
import { makeVerdict, requirePassed, type InstanceOutcome, type InstanceReport } from './verdict.ts';

const input = {
  name: 'hat',
  manifestDigest: `sha256:${'0'.repeat(64)}`,
  plan: { ...testSchema.parse({}), init: true },
  host: { runtime: 'runc', kernel: '6.1', architecture: 'x86_64' },
  started: '2026-01-01T00:00:00.000Z',
  finished: '2026-01-01T00:00:09.000Z',
};

function outcome(report: Partial<InstanceReport>, rest: Partial<InstanceOutcome> = {}): InstanceOutcome {
  const empty = { failedUnits: [], restartedUnits: [], journalErrors: [], oomKills: 0, log: [] };
  return { causes: [], checks: [], report: { instance: 1, ...empty, ...report }, ...rest };
}

test('it passed where no instance gave cause for more', () => {
  const verdict = makeVerdict(input, [
    outcome({ readySeconds: 2, peakMemory: 10 }),
    outcome({ instance: 2, readySeconds: 3, peakMemory: 7 }),
  ]);
  expect(verdict).toMatchObject({ ...input, passed: true, causes: [], readySeconds: 3, peakMemory: 10 });
  expect(verdict.instances.map(({ instance }) => instance)).toEqual([1, 2]);
});

test('one cause of one instance is enough, and what others found stays', () => {
  const check = { check: 'tcp 80', instance: 1, passed: true, attempts: 1, seconds: 0 };
  const cause = { code: 'unit-failed', message: 'b.service failed: signal', instance: 2 } as const;
  const verdict = makeVerdict(input, [
    outcome({ readySeconds: 2, failedUnits: ['a.service', 'b.service'] }, { checks: [check] }),
    outcome(
      { instance: 2, failedUnits: ['b.service'], journalErrors: [{ unit: 'b.service', message: 'torn' }] },
      { causes: [cause] },
    ),
  ]);
  expect(verdict).toMatchObject({
    passed: false,
    causes: [cause],
    checks: [check],
    failedUnits: ['a.service', 'b.service'],
    journalErrors: [{ unit: 'b.service', message: 'torn' }],
  });
  // One of them never was ready: there is no time in which all were.
  expect(verdict.readySeconds).toBeUndefined();
  expect(verdict.peakMemory).toBeUndefined();
});

test('an image leaves with a verdict that it passed, and with no other', () => {
  const passed = makeVerdict(input, [outcome({ readySeconds: 2 })]);
  expect(requirePassed(passed, input)).toBe(passed);
  const refused = [
    undefined,
    { ...passed, passed: false },
    { ...passed, name: 'cap' },
    { ...passed, manifestDigest: `sha256:${'1'.repeat(64)}` },
  ];
  for (const verdict of refused) {
    expect(() => requirePassed(verdict, input)).toThrow(expect.objectContaining({ code: 'IMAGE_UNBOOTED' }));
  }
});
