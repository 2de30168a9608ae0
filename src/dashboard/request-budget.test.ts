import { expect, test } from 'vitest';
import { RequestBudget } from './request-budget.ts';

test('so many at once, and then so many a second, for each address by itself', () => {
  let now = 0;
  const budget = new RequestBudget(3, 2, () => now);
  const take = (address: string, count: number) => Array.from({ length: count }, () => budget.take(address));
  expect(take('a', 4)).toEqual([true, true, true, false]);
  expect(take('b', 1)).toEqual([true]);
  now = 1000;
  expect(take('a', 3)).toEqual([true, true, false]);
  now = 1_000_000;
  expect(take('a', 4)).toEqual([true, true, true, false]);
});

test('a thousand addresses are remembered, and the one that asked longest ago is not', () => {
  const budget = new RequestBudget(1, 0, () => 0);
  for (let count = 0; count < 1001; count++) expect(budget.take(`address ${count}`)).toBe(true);
  expect(budget.take('address 1')).toBe(false);
  expect(budget.take('address 0')).toBe(true);
});
