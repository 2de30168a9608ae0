import fc from 'fast-check';
import { expect, test } from 'vitest';
import { countPriorities, parseEntry } from './journal.ts';

test.each([
  ['{"_SYSTEMD_UNIT":"a.service","MESSAGE":"torn"}', { unit: 'a.service', message: 'torn' }],
  ['{"UNIT":"b.service","SYSLOG_IDENTIFIER":"x","MESSAGE":"torn"}', { unit: 'b.service', message: 'torn' }],
  ['{"SYSLOG_IDENTIFIER":"kernel","MESSAGE":[116,111,114,110]}', { unit: 'kernel', message: 'torn' }],
  ['{"MESSAGE":null}', { unit: '', message: '' }],
  ['{"MESSAGE":[1.5]}', { unit: '', message: '' }],
])('entry %s', (line, entry) => {
  expect(parseEntry(line)).toEqual([entry]);
});

test.each(['', 'nonsense', 'null', '{', '"MESSAGE"', '5', '[]', 'true'])('%j is no entry', (line) => {
  expect(parseEntry(line)).toEqual([]);
});

const field = fc.constantFrom('_SYSTEMD_UNIT', 'UNIT', 'SYSLOG_IDENTIFIER', 'MESSAGE', '__proto__');
const line = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.json(),
  fc.dictionary(field, fc.jsonValue()).map((value) => JSON.stringify(value)),
  fc.array(fc.integer()).map((bytes) => JSON.stringify({ MESSAGE: bytes })),
  fc.constant(JSON.stringify({ MESSAGE: 'x'.repeat(5000), UNIT: Array.from({ length: 5000 }, () => 65) })),
);

test('whatever the journal answers, an entry is two strings of bounded length', () => {
  fc.assert(
    fc.property(line, (text) => {
      for (const entry of parseEntry(text)) {
        expect(Object.keys(entry)).toEqual(['unit', 'message']);
        for (const value of Object.values(entry)) {
          expect(typeof value).toBe('string');
          expect(value.length).toBeLessThanOrEqual(1000);
        }
      }
    }),
  );
});

test('entries are counted by priority, and what has none is not counted', () => {
  const entry = (priority: unknown) => JSON.stringify({ __CURSOR: 's=1', PRIORITY: priority });
  const lines = ['3', '3', '0', '4', '5', '-1', 3, null, ['3']].map(entry);
  const none = { emerg: 0, alert: 0, crit: 0, err: 0, warning: 0 };
  expect(countPriorities([...lines, '', 'torn'])).toEqual({ ...none, err: 2, emerg: 1, warning: 1 });
  fc.assert(
    fc.property(fc.array(line), (text) => {
      const sum = Object.values(countPriorities(text)).reduce((a, b) => a + b);
      expect(sum).toBeLessThanOrEqual(text.length);
    }),
  );
});
