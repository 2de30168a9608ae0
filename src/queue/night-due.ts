/** Whether a night may start now: by its sealed claim and what this state has started, never by what the queue says. */
import { defaultRepeatStrategy } from 'bullmq';
import { MillinerError } from '../lib/errors/error.ts';
import type { Digest } from '../lib/oci/digest.ts';
import type { NightStart, NightStarts } from '../pipeline/state/night-starts.ts';
import type { NightClaim } from './night-claims.ts';

/** Milliseconds. The clocks of two machines may differ: a job that one of them finds due is early for the other. */
const maxClockDifference = 5 * 60_000;
/** Milliseconds in which a run that was asked for once must start; after that its claim may be forgotten. */
const maxOnceAge = 7 * 24 * 3600_000;
/** BullMQ counts lost workers of a job, but not for jobs of schedules. */
const maxLost = 8;

/** The next time after one, in milliseconds since 1970, as BullMQ computes it. Undefined if no day matches. */
export function nextTime(cron: string, after: number): number | undefined {
  try {
    return defaultRepeatStrategy(after, { pattern: cron, tz: 'UTC' });
  } catch {
    return undefined;
  }
}

export interface Asked {
  night: NightClaim;
  claim: Digest;
  /** Milliseconds since 1970. */
  now: number;
  run: string;
}

/** `pause` in milliseconds: it is due so soon that only a clock can be the reason. */
type Begun = { pause: number } | { start: NightStart };

/** Throws NIGHT_NOT_DUE, WORKER_DIED. */
export function beginNight(before: NightStarts, asked: Asked): { after: NightStarts; result: Begun } {
  const recent = before.once.filter(({ sealed }) => asked.now - sealed <= maxOnceAge);
  if (asked.night.cron !== undefined) return beginScheduled({ ...before, once: recent }, asked);
  if (asked.now - asked.night.at > maxOnceAge) throw notDue(asked, 'it was asked for more than 7 days ago');
  const last = recent.find(({ claim }) => claim === asked.claim);
  if (last?.phase === 'ended') throw notDue(asked, 'it has ended');
  const start = last ? resumed(last, asked) : first(asked);
  const others = recent.filter((one) => one !== last);
  return { after: { ...before, once: [...others, start] }, result: { start } };
}

function beginScheduled(before: NightStarts, asked: Asked): { after: NightStarts; result: Begun } {
  const { night, claim, now } = asked;
  const last = before.scheduled;
  if (last && night.at < last.sealed) throw notDue(asked, 'a later schedule has replaced it');
  const due = nextTime(night.cron!, Math.max(night.at, last?.started ?? 0)) ?? Infinity;
  const isUnfinished = last?.claim === claim && last.phase !== 'ended';
  if (due > now && !isUnfinished) {
    if (due - now > maxClockDifference) throw notDue(asked, 'the schedule has no night now');
    return { after: before, result: { pause: due - now } };
  }
  const start = due > now ? resumed(last!, asked) : first(asked);
  return { after: { ...before, scheduled: start }, result: { start } };
}

function first({ night, claim, now, run }: Asked): NightStart {
  return { claim, sealed: night.at, started: now, run, phase: 'running', lost: 0 };
}

function resumed(last: NightStart, { night, run }: Asked): NightStart {
  const lost = last.lost + (last.phase === 'running' ? 1 : 0);
  if (lost > maxLost) {
    throw new MillinerError('WORKER_DIED', `${lost} workers have died in the night of ${night.set}`, {
      details: { set: night.set },
    });
  }
  return { ...last, run, phase: 'running', lost };
}

/** The record once the run has ended, or will be taken up again. */
export function settleNight(
  before: NightStarts,
  run: string,
  phase: 'open' | 'ended',
): { after: NightStarts; result: undefined } {
  const settle = (one: NightStart) => (one.run === run ? { ...one, phase } : one);
  const { scheduled } = before;
  return {
    after: {
      ...before,
      ...(scheduled && { scheduled: settle(scheduled) }),
      once: before.once.map(settle),
    },
    result: undefined,
  };
}

function notDue({ night }: Asked, reason: string): MillinerError {
  return new MillinerError('NIGHT_NOT_DUE', `the night of ${night.set} was not started: ${reason}`, {
    details: { set: night.set },
  });
}
