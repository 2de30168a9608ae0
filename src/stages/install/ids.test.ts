/** Which ids are kept, which are exchanged, and what is refused. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MillinerError } from '../../lib/errors/error.ts';
import { settleIds } from './ids.ts';

const accounts = (users: Record<string, number>) => ({
  users: new Map(Object.entries(users)),
  groups: new Map<string, number>(),
});
const ledgerOf = (users: Record<string, number>) => ({ version: 1 as const, users, groups: {} });

function settle(
  ledger: Record<string, number>,
  now: Record<string, number>,
  before: Record<string, number> = {},
) {
  const { ids, moves } = settleIds(ledgerOf(ledger), accounts(before), accounts({ ...before, ...now }));
  return { ids: ids.users, moves: Object.fromEntries(moves.users) };
}

type Ids = Record<string, number>;

test.each<[string, Ids, Ids, Ids, Ids]>([
  ['nothing is known: what rpm gave', {}, { a: 999, b: 998 }, { a: 999, b: 998 }, {}],
  ['another order', { a: 999, b: 998 }, { b: 999, a: 998 }, { a: 999, b: 998 }, { 998: 999, 999: 998 }],
  ['one more before the other', { b: 999 }, { a: 999, b: 998 }, { a: 998, b: 999 }, { 999: 998, 998: 999 }],
  ['an id of one that has left', { gone: 999 }, { a: 999 }, { a: 998 }, { 999: 998 }],
  ['people', { gone: 1000 }, { a: 1000 }, { a: 1001 }, { 1000: 1001 }],
  ['a number by hand', { a: 27 }, { a: 999 }, { a: 27 }, { 999: 27 }],
  ['a second name for an id', { a: 0 }, { root: 0, a: 0, b: 0 }, { root: 0, a: 0, b: 0 }, {}],
])('%s', (_, ledger, now, ids, moves) => {
  expect(settle(ledger, now)).toEqual({ ids, moves });
});

test.each<[string, Ids, Ids, Ids]>([
  ['a package insists', { a: 999 }, { a: 27 }, {}],
  ['a package insists on what is given away', { gone: 27 }, { a: 27 }, {}],
  ["the base has taken another's", { a: 998 }, { a: 997 }, { base: 998 }],
  ['the base has taken that of one who has left', { gone: 998 }, {}, { base: 998 }],
  ['it comes with the base now, otherwise', { a: 998 }, {}, { a: 997 }],
  ["a scriptlet has changed the base's", {}, { base: 997 }, { base: 998 }],
  ['two share what only one could leave', { a: 998 }, { a: 999, b: 999 }, {}],
])('refused: %s', (_, ledger, now, before) => {
  const attempt = () => settleIds(ledgerOf(ledger), accounts(before), accounts({ ...before, ...now }));
  expect(attempt).toThrow(MillinerError);
  expect(attempt).toThrow(expect.objectContaining({ code: 'ID_DRIFT' }));
});

const name = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f');
const ids = fc.dictionary(name, fc.integer({ min: 995, max: 1003 }), { maxKeys: 6 });

test('whatever order packages come in: names of the ledger have its ids, and no two that were apart meet', () => {
  fc.assert(
    fc.property(ids, ids, (ledger, now) => {
      fc.pre(new Set(Object.values(now)).size === Object.keys(now).length);
      fc.pre(new Set(Object.values(ledger)).size === Object.keys(ledger).length);
      const { ids: settled, moves } = settle(ledger, now);
      expect(Object.keys(settled).toSorted()).toEqual(Object.keys(now).toSorted());
      for (const [one, id] of Object.entries(settled)) {
        if (ledger[one] !== undefined) expect(id).toBe(ledger[one]);
        else expect(Object.values(ledger)).not.toContain(id);
        expect(moves[now[one]!] ?? now[one]).toBe(id);
      }
      expect(new Set(Object.values(settled)).size).toBe(Object.keys(settled).length);
      // The next build finds nothing to move but what is the same again.
      const after = { ...settled, ...ledger };
      expect(settle(after, now)).toEqual({ ids: settled, moves });
      expect(settle(after, settled).moves).toEqual({});
    }),
  );
});
