import { expect, test } from 'vitest';
import { MillinerError } from '../../lib/errors/error.ts';
import { checkAllowed, checkDatabase, differenceOfSets } from './database-set.ts';

const codeOf = (fn: () => void) => {
  try {
    fn();
    return undefined;
  } catch (error) {
    return error instanceof MillinerError ? [error.code, error.details] : error;
  }
};

test('what is missing and what is too many, also of what stands there twice', () => {
  expect(differenceOfSets(['a', 'b'], ['b', 'c'])).toEqual({ missing: ['a'], extra: ['c'] });
  expect(differenceOfSets(['a', 'a'], ['a'])).toEqual({ missing: ['a'], extra: [] });
  expect(differenceOfSets(['a'], ['a', 'a'])).toEqual({ missing: [], extra: ['a'] });
  expect(codeOf(() => checkDatabase(['a'], ['a'], []))).toBeUndefined();
  expect(codeOf(() => checkDatabase(['a'], ['b'], []))).toEqual([
    'DATABASE_DIFFERS',
    { missing: ['a'], extra: ['b'] },
  ]);
});

test('an allowed %pre explains its own package alone', () => {
  const [a, b] = ['a-1-1.noarch', 'b-1-1.noarch'];
  expect(codeOf(() => checkAllowed([a, b], [b], ['%pre(a)'], []))).toMatchObject([
    'DATABASE_DIFFERS',
    { missing: [a] },
  ]);
  expect(codeOf(() => checkAllowed([a, b], [], ['%pre(a)'], []))).toBeUndefined();
  expect(codeOf(() => checkAllowed([a], [], ['%post(a)'], []))).toBeUndefined();
});
