import { expect, test } from 'vitest';
import { instanceIds, slotsOf, takeIdRange } from './id-range.ts';
import { guestIds } from './userns.ts';

test('two ranges do not overlap, and a released one is taken again', async () => {
  const [first, second] = [await takeIdRange(), await takeIdRange()];
  expect(Math.abs(first.ids.start - second.ids.start)).toBeGreaterThanOrEqual(instanceIds);
  await first.release();
  const third = await takeIdRange();
  expect(third.ids.start).toBe(first.ids.start);
  await Promise.all([second.release(), third.release()]);
});

test('a range lies within the ids of guests, behind those of builds', async () => {
  const { ids, release } = await takeIdRange();
  await release();
  expect(ids.start).toBeGreaterThanOrEqual(guestIds.start + instanceIds);
  expect(ids.start + ids.size).toBeLessThanOrEqual(guestIds.start + guestIds.size);
});

const mapOf = (outside: number, count: number) => `         0 ${outside} ${count}\n`;

test.each([
  ['the host', mapOf(0, 2 ** 32 - 1), []],
  ["a build's", mapOf(guestIds.start, guestIds.size), []],
  ["an instance's", mapOf(guestIds.start + 3 * instanceIds, instanceIds), [3]],
  ['a part of one', mapOf(guestIds.start + 3 * instanceIds + 1000, 65_536), [3]],
  ['two lines', mapOf(guestIds.start + instanceIds, 1) + mapOf(guestIds.start + 2 * instanceIds, 1), [1, 2]],
  ['of a process that has ended', '', []],
])('uid_map of %s', (_, map, slots) => {
  expect(slotsOf(map)).toEqual(slots);
});
