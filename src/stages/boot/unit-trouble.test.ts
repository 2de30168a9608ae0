import { expect, test } from 'vitest';
import { UnitTrouble } from './unit-trouble.ts';
import { parseUnits, type Unit } from './units.ts';

function unit(name: string, fields: Partial<Unit> = {}): Unit {
  return { ...parseUnits(`Id=${name}`)[0]!, load: 'loaded', active: 'active', ...fields };
}

const failed = unit('app.service', { active: 'failed', result: 'exit-code', exitStatus: 1, endedAt: 5 });

/** The code of the first look that ends the wait, and how many looks there were. */
function look(
  looks: Unit[][],
  { allowed = [] as string[], awaited }: { allowed?: string[]; awaited?: string } = {},
) {
  const trouble = new UnitTrouble(allowed, awaited);
  for (const [index, units] of looks.entries()) {
    const found = trouble.find(units, index * 1000);
    if (found) return [found.code, found.unit, index];
  }
  return undefined;
}

test('a failure that lasts ends the wait', () => {
  expect(look([[failed], [failed]])).toEqual(['unit-failed', 'app.service', 1]);
});

test.each<[string, Unit[]]>([
  ['it has not lasted', [failed]],
  ['systemd has a job for it', [{ ...failed, hasJob: true }]],
  ['systemd restarts it at once', [{ ...failed, sub: 'failed-before-auto-restart' }]],
])('no trouble: %s', (_, [first]) => {
  const other = unit('other.service');
  expect(look([[other, first!], [other], [other, first!]])).toBeUndefined();
});

test.each(['web.socket', 'web.timer'])('%s starts it again', (name) => {
  const web = { ...failed, startedBy: [name] };
  expect(look([1, 2, 3].map(() => [web, unit(name)]))).toBeUndefined();
  expect(look([1, 2, 3].map(() => [web, unit(name, { active: 'inactive' })]))?.[0]).toBe('unit-failed');
});

test('what handles its failure is waited for', () => {
  const handled = { ...failed, onFailure: ['mend.service'] };
  const mending = [handled, unit('mend.service', { active: 'activating' })];
  expect(look([mending, mending, mending])).toBeUndefined();
  const done = [handled, unit('mend.service', { active: 'inactive' })];
  expect(look([mending, done, done])).toEqual(['unit-failed', 'app.service', 2]);
});

test('a unit that fails, is started, and fails again has not failed all the time', () => {
  const again = { ...failed, endedAt: 6 };
  expect(look([[failed], [again]])).toBeUndefined();
});

test('a restart is trouble at once, also one that is yet to come', () => {
  expect(look([[unit('app.service', { restarts: 1 })]])).toEqual(['unit-restarted', 'app.service', 0]);
  const waiting = unit('app.service', { active: 'activating', sub: 'auto-restart', result: 'exit-code' });
  expect(look([[waiting]])).toEqual(['unit-restarted', 'app.service', 0]);
  // A service that runs every so often ends well, and systemd starts it later.
  expect(look([[{ ...waiting, result: 'success' }]])).toBeUndefined();
});

test('an allowed unit may fail or be restarted, but the failure of the awaited one is the end', () => {
  const looks = [1, 2].map(() => [failed, unit('b.service', { restarts: 9 })]);
  const allowed = ['app.service', 'b.service'];
  expect(look(looks, { allowed })).toBeUndefined();
  expect(look(looks, { allowed, awaited: 'app.service' })).toEqual(['unit-failed', 'app.service', 1]);
});
