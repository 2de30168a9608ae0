import { expect, test } from 'vitest';
import { Sessions } from './sessions.ts';

const token = 'a-token-that-is-long-enough-for-it';

test('a session is for the token alone, and ends', () => {
  let now = 0;
  const sessions = new Sessions(token, () => now);
  expect(sessions.open('another')).toBeUndefined();
  expect(sessions.open('')).toBeUndefined();
  const id = sessions.open(token)!;
  expect(id).toMatch(/^[\w-]{43}$/);
  expect(sessions.has(id)).toBe(true);
  expect(sessions.has('made-up')).toBe(false);
  expect(sessions.has(undefined)).toBe(false);
  now = 8 * 3600_000;
  expect(sessions.has(id)).toBe(false);
});

test('signing out ends one session and no other', () => {
  const sessions = new Sessions(token);
  const [one, other] = [sessions.open(token)!, sessions.open(token)!];
  expect(one).not.toBe(other);
  sessions.close(one);
  expect([sessions.has(one), sessions.has(other)]).toEqual([false, true]);
});

test('of too many the oldest ends', () => {
  const sessions = new Sessions(token);
  const ids = Array.from({ length: 101 }, () => sessions.open(token)!);
  expect(ids.map((id) => sessions.has(id))).toEqual([false, ...Array.from({ length: 100 }, () => true)]);
});
