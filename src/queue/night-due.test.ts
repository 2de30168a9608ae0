/** A night starts when its sealed schedule says, and not once more, whatever the queue asks for. */
import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { MillinerError } from '../lib/errors/error.ts';
import type { Digest } from '../lib/oci/digest.ts';
import type { NightStarts } from '../pipeline/state/night-starts.ts';
import type { NightClaim } from './night-claims.ts';
import { beginNight, nextTime, settleNight } from './night-due.ts';

const minute = 60_000;
const day = 24 * 60 * minute;
const sealed = Date.UTC(2026, 10, 1, 12);
const firstNight = Date.UTC(2026, 10, 2, 2, 30);
const claim: Digest = `sha256:${'a'.repeat(64)}`;
const once: NightClaim = {
  version: 1,
  at: sealed,
  set: 'fedora',
  path: '/srv/milliner.yaml',
  plainHttp: false,
};
const daily: NightClaim = { ...once, cron: '30 2 * * *' };
const none: NightStarts = { version: 1, once: [] };

const begin = (before: NightStarts, now: number, night: NightClaim = daily, digest = claim) =>
  beginNight(before, { night, claim: digest, now, run: randomUUID() });

/** The record after a start, and after its end if there is one. */
function started(
  before: NightStarts,
  now: number,
  end?: 'open' | 'ended',
  night: NightClaim = daily,
): NightStarts {
  const { after, result } = begin(before, now, night);
  if (!('start' in result)) throw new Error('it has not started');
  return end === undefined ? after : settleNight(after, result.start.run, end).after;
}

function codeOf(fn: () => unknown): string {
  try {
    fn();
    return 'none';
  } catch (error) {
    return (error as MillinerError).code;
  }
}

test.each([
  ['30 2 * * *', firstNight],
  ['0 0 * * 7', Date.UTC(2026, 10, 8)],
  ['0 0 29 2 *', Date.UTC(2028, 1, 29)],
  ['*/20 12 1 11 *', sealed + 20 * minute],
  ['0 0 31 2 *', undefined],
])('the next time of %s', (pattern, time) => {
  expect(nextTime(pattern, sealed)).toBe(time);
});

describe('a scheduled night', () => {
  test('starts at its time, and however much later: once', () => {
    for (const now of [firstNight, firstNight + 5 * day]) {
      const after = started(none, now, 'ended');
      expect(after.scheduled).toMatchObject({ started: now, phase: 'ended' });
      expect(codeOf(() => begin(after, now + minute))).toBe('NIGHT_NOT_DUE');
    }
  });

  test('does not start before its first time, nor between two', () => {
    expect(codeOf(() => begin(none, sealed + minute))).toBe('NIGHT_NOT_DUE');
    const after = started(none, firstNight, 'ended');
    expect(codeOf(() => begin(after, firstNight + day - 6 * minute))).toBe('NIGHT_NOT_DUE');
    expect(started(after, firstNight + day).scheduled?.started).toBe(firstNight + day);
  });

  test('waits where the clock of another machine is some minutes ahead', () => {
    expect(begin(none, firstNight - 2 * minute).result).toEqual({ pause: 2 * minute });
  });

  test('is resumed where it was interrupted, and its deaths are counted', () => {
    let record = started(none, firstNight, 'open');
    record = started(record, firstNight + minute);
    expect(record.scheduled).toMatchObject({ started: firstNight, lost: 0 });
    for (let lost = 1; lost <= 8; lost++) {
      record = started(record, firstNight + 2 * minute);
      expect(record.scheduled).toMatchObject({ started: firstNight, lost });
    }
    expect(codeOf(() => begin(record, firstNight + 3 * minute))).toBe('WORKER_DIED');
    expect(started(record, firstNight + day).scheduled).toMatchObject({ started: firstNight + day, lost: 0 });
  });

  test('of a schedule that a later one has replaced does not start', () => {
    const later = { ...daily, at: sealed + 1, cron: '* * * * *' };
    const after = started(none, firstNight, 'ended', later);
    expect(codeOf(() => begin(after, firstNight + 2 * day))).toBe('NIGHT_NOT_DUE');
  });

  test('that another run has taken over is not ended by the first', () => {
    const { after, result } = begin(none, firstNight);
    const taken = started(after, firstNight + minute);
    if (!('start' in result)) throw new Error('it has not started');
    expect(settleNight(taken, result.start.run, 'ended').after).toEqual(taken);
  });
});

describe('a night that runs once', () => {
  test('starts at once, again while it has not ended, and then never again', () => {
    const open = started(none, sealed, 'open', once);
    const ended = started(open, sealed + minute, 'ended', once);
    expect(codeOf(() => begin(ended, sealed + 2 * minute, once))).toBe('NIGHT_NOT_DUE');
    expect(ended.scheduled).toBeUndefined();
  });

  test('does not start a week later, when its record may be forgotten', () => {
    expect(codeOf(() => begin(none, sealed + 8 * day, once))).toBe('NIGHT_NOT_DUE');
    const ended = started(none, sealed, 'ended', once);
    const other: Digest = `sha256:${'b'.repeat(64)}`;
    const { after } = begin(ended, sealed + 8 * day, { ...once, at: sealed + 8 * day }, other);
    expect(after.once.map((one) => one.claim)).toEqual([other]);
  });

  test('does not move the schedule', () => {
    const after = started(started(none, firstNight, 'ended'), firstNight + minute, 'ended', {
      ...once,
      at: firstNight + minute,
    });
    expect(after.scheduled?.started).toBe(firstNight);
  });
});
