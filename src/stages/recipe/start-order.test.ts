import { expect, test } from 'vitest';
import { circleOf, startOrder, type After } from './start-order.ts';

const services = (edges: Record<string, string>): After =>
  Object.fromEntries(
    Object.entries(edges).map(([name, after]) => [name, { after: after.split(' ').filter(Boolean) }]),
  );

test.each([
  [{ a: '' }, ['a']],
  [{ web: 'db', db: '' }, ['db', 'web']],
  [{ load: 'web', web: 'db cache', cache: '', db: '' }, ['cache', 'db', 'web', 'load']],
  [{ a: '', b: '', c: '' }, ['a', 'b', 'c']],
  [{ d: 'b c', c: 'a', b: 'a', a: '' }, ['a', 'c', 'b', 'd']],
])('%j starts as %j', (edges, order) => {
  expect(startOrder(services(edges))).toEqual(order);
  expect(circleOf(services(edges))).toBeUndefined();
});

test.each([
  [{ a: 'a' }, ['a', 'a']],
  [{ a: 'b', b: 'a' }, ['a', 'b', 'a']],
  [{ a: 'b', b: 'c', c: 'd', d: 'b', e: '' }, ['b', 'c', 'd', 'b']],
  [{ web: 'db', db: 'x', x: 'db', y: 'web' }, ['db', 'x', 'db']],
])('%j goes in the circle %j', (edges, circle) => {
  expect(circleOf(services(edges))).toEqual(circle);
});
