import fc from 'fast-check';
import { expect, test } from 'vitest';
import { describeFailure, parseUnits, type Unit } from './units.ts';

const word = fc.stringMatching(/^[a-z0-9@:._=-]{1,30}$/);
const count = fc.integer({ min: 0, max: 1_000_000 });
const unit: fc.Arbitrary<Unit> = fc.record({
  name: word,
  load: word,
  active: word,
  sub: word,
  result: word,
  restarts: count,
  exitStatus: count,
  activeAt: count,
  type: word,
  doneAt: count,
  beganAt: count,
  stoppedAt: count,
  endedAt: count,
  hasJob: fc.boolean(),
  startedBy: fc.array(word, { maxLength: 4 }),
  onFailure: fc.array(word, { maxLength: 4 }),
});

/** As systemctl(1) shows it; the properties may come in any order. */
function shown(one: Unit): string {
  return [
    `ActiveEnterTimestampMonotonic=${one.activeAt * 1000}`,
    `Id=${one.name}`,
    `NRestarts=${one.restarts}`,
    `ExecMainStatus=${one.exitStatus}`,
    `LoadState=${one.load}`,
    `ActiveState=${one.active}`,
    `SubState=${one.sub}`,
    `Result=${one.result}`,
    `Type=${one.type}`,
    `ExecMainExitTimestampMonotonic=${one.doneAt * 1000}`,
    `InactiveExitTimestampMonotonic=${one.beganAt * 1000}`,
    `ActiveExitTimestampMonotonic=${one.stoppedAt * 1000}`,
    `InactiveEnterTimestampMonotonic=${one.endedAt * 1000}`,
    `Job=${one.hasJob ? 17 : ''}`,
    `TriggeredBy=${one.startedBy.join(' ')}`,
    'UpheldBy=',
    `OnFailure=${one.onFailure.join(' ')}`,
  ].join('\n');
}

test('units come out as they went in', () => {
  fc.assert(
    fc.property(fc.array(unit), (units) => {
      expect(parseUnits(`${units.map(shown).join('\n\n')}\n`)).toEqual(units);
    }),
  );
});

test('a unit that is no service has no restarts, and systemd says [not set] of what it does not know', () => {
  expect(parseUnits('Id=basic.target\nActiveState=active\nExecMainStatus=[not set]\n')).toEqual([
    {
      name: 'basic.target',
      load: '',
      active: 'active',
      sub: '',
      result: '',
      restarts: 0,
      exitStatus: 0,
      activeAt: 0,
      type: '',
      doneAt: 0,
      beganAt: 0,
      stoppedAt: 0,
      endedAt: 0,
      hasJob: false,
      startedBy: [],
      onFailure: [],
    },
  ]);
});

const key = fc.constantFrom('Id', 'NRestarts', 'ActiveEnterTimestampMonotonic', 'ExecMainStatus', '', 'x');
const odd = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('-1', 'NaN', '1e999', '9'.repeat(40)));
const answer = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc
    .array(fc.tuple(key, fc.constantFrom('=', ' ', '\0'), odd, fc.constantFrom('\n', '\n\n', '\r\n', '')))
    .map((lines) => lines.flat().join('')),
);

test('whatever is answered, units have names and numbers', () => {
  fc.assert(
    fc.property(answer, (text) => {
      for (const { name, restarts, exitStatus, activeAt } of parseUnits(text)) {
        expect(name).not.toBe('');
        for (const number of [restarts, exitStatus, activeAt]) {
          expect(Number.isFinite(number) && number >= 0).toBe(true);
        }
      }
    }),
  );
});

test('an answer is kept within bounds', () => {
  const many = parseUnits('Id=x\n\n'.repeat(100_000));
  expect(many.length).toBeLessThanOrEqual(10_000);
  const [long] = parseUnits(`Id=${'x'.repeat(1_000_000)}\nActiveState=${'y'.repeat(1_000_000)}`);
  // UNIT_NAME_MAX of systemd is 256.
  expect(long!.name).toHaveLength(256);
  expect(long!.active).toHaveLength(256);
});

test('a failure is told in words where systemd has a number for it', () => {
  const [failed] = parseUnits('Id=app.service\nResult=exit-code\nExecMainStatus=217');
  expect(describeFailure(failed!)).toMatch(/^app\.service failed: .*217.*USER/);
  expect(describeFailure({ ...failed!, exitStatus: 9 })).toBe('app.service failed: exit status 9');
  expect(describeFailure({ ...failed!, result: 'oom-kill' })).toBe('app.service failed: oom-kill');
});
