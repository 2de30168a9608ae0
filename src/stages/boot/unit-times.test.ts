import fc from 'fast-check';
import { expect, test } from 'vitest';
import { maxUnitTimes } from './evidence.ts';
import { parseStageTimes, stagesOf, unitTimesOf } from './unit-times.ts';
import { parseUnits } from './units.ts';

const answer = (fields: Record<string, number | string>) =>
  Object.entries(fields)
    .map(([name, value]) => `${name}TimestampMonotonic=${value}`)
    .join('\n');
const ownKernel = 'KernelTimestamp=Mon 2026-11-30 19:00:00 UTC\n';

test('a container has the stage of its userspace alone', () => {
  const times = parseStageTimes(
    answer({ Userspace: 5_000_000_000, Finish: 5_001_500_000, InitRD: 0 }) + '\nKernelTimestamp=',
  );
  expect(stagesOf(times!)).toEqual([{ stage: 'userspace', seconds: 1.5 }]);
});

test('a machine has all of them, as systemd-analyze counts them', () => {
  const of = { Firmware: 9e6, Loader: 4e6, InitRD: 1e6, Userspace: 3e6, Finish: 7_250_000 };
  const stages = stagesOf(parseStageTimes(ownKernel + answer(of))!);
  expect(stages.map(({ stage, seconds }) => [stage, seconds])).toEqual([
    ['firmware', 5],
    ['loader', 4],
    ['kernel', 1],
    ['initrd', 2],
    ['userspace', 4.25],
  ]);
});

test.each(['', 'torn', 'UserspaceTimestampMonotonic=', answer({ Userspace: -1 }), answer({ Finish: 5 })])(
  '%j tells no times',
  (text) => {
    expect(parseStageTimes(text)).toBeUndefined();
  },
);

const block = (name: string, times: Record<string, number>) => `Id=${name}\nActiveState=x\n${answer(times)}`;
const stages = parseStageTimes(answer({ Userspace: 1e6, Finish: 9e6 }))!;

test('units in the order in which they began; what is of an earlier run is left out', () => {
  const text = [
    block('late.service', { InactiveExit: 3e6, ActiveEnter: 4e6, ActiveExit: 2e6, InactiveEnter: 2e6 }),
    block('once.service', { InactiveExit: 2e6, InactiveEnter: 2_500_000 }),
    block('never.service', { InactiveEnter: 3e6 }),
    block('host.device', { InactiveExit: 5e5 }),
  ].join('\n\n');
  expect(unitTimesOf(parseUnits(text), stages.userspace)).toEqual([
    { unit: 'once.service', state: 'x', start: 1, end: 1.5 },
    { unit: 'late.service', state: 'x', start: 2, active: 3 },
  ]);
});

test('whatever is told, times are numbers that go forward, within a bound', () => {
  const time = fc.oneof(fc.nat(), fc.constantFrom(0, 1e6, 9e17));
  const fields = fc.record({ InactiveExit: time, ActiveEnter: time, ActiveExit: time, InactiveEnter: time });
  fc.assert(
    fc.property(fc.array(fields), (all) => {
      const text = all.map((one, index) => block(`${index}.service`, one)).join('\n\n');
      for (const { start, active = start, end = start } of unitTimesOf(parseUnits(text), stages.userspace)) {
        expect(start >= 0 && active >= start && end >= start && Number.isFinite(end)).toBe(true);
      }
    }),
  );
  const many = parseUnits(`${block('x.service', { InactiveExit: 2e6 })}\n\n`.repeat(maxUnitTimes + 5));
  expect(unitTimesOf(many, stages.userspace)).toHaveLength(maxUnitTimes);
});
