/** The schedules of release sets for people and programs: their next night, and how the last one ended. */
import type { Job } from 'bullmq';
import type { Failure } from '../lib/errors/wire.ts';
import { jobFailureOf, readFailure } from './job.ts';
import { nightClaims, nightQueue, peekNight, type NightEnd } from './night-claims.ts';
import type { Queues } from './queues.ts';
import { findSchedulers } from './schedules.ts';
import { forged, peek } from './sealed.ts';

/** `unconfirmed`: the queue has a result, but no machine that is enrolled here has sealed it. */
type NightState = 'running' | 'retrying' | 'done' | 'failed' | 'unconfirmed';

interface NightStatus {
  job: string;
  state: NightState;
  /** ISO 8601. */
  started: string;
  finished?: string;
  end?: NightEnd;
  error?: Failure;
  logs?: string[];
}

export interface ScheduleStatus {
  set: string;
  /** Absent where no machine of this version has made the schedule. */
  path?: string;
  /** In UTC. */
  cron: string;
  /** ISO 8601. */
  next?: string;
  /** The night that was started last. */
  last?: NightStatus;
}

/** Jobs of each state that are read: the last night of every set is among them. */
const maxJobs = 1000;

export async function listSchedules(queues: Queues): Promise<ScheduleStatus[]> {
  const queue = queues.get(nightQueue);
  const read = await Promise.all([
    queue.getJobs(['active', 'delayed', 'waiting']),
    queue.getCompleted(0, maxJobs - 1),
    queue.getFailed(0, maxJobs - 1),
  ]);
  // A job may be removed between the two calls.
  const started = read.flat().filter((job) => job?.processedOn !== undefined);
  const found: ScheduleStatus[] = [];
  for (const { key, pattern, next, template } of await findSchedulers(queues)) {
    const night = peekNight(template?.data);
    const own = started.filter(({ data }) => peekNight(data)?.set === key);
    const [last] = own.toSorted((a, b) => b.processedOn! - a.processedOn!);
    found.push({
      set: key,
      ...(night && { path: night.path }),
      cron: night?.cron ?? pattern ?? '',
      ...(next != null && { next: new Date(next).toISOString() }),
      ...(last && { last: await describeNight(queues, last) }),
    });
  }
  return found;
}

/** With the log of the night. */
export async function logsOf(queues: Queues, { job }: NightStatus): Promise<string[]> {
  return (await queues.get(nightQueue).getJobLogs(job)).logs;
}

async function describeNight(queues: Queues, job: Job): Promise<NightStatus> {
  const isDone = await job.isCompleted();
  const outcome = isDone ? await outcomeOf(queues, job) : {};
  const failure = !isDone && job.failedReason ? readFailure(job.failedReason) : undefined;
  return {
    job: job.id!,
    state: isDone ? (outcome.error ? 'unconfirmed' : 'done') : await stateOf(job),
    started: new Date(job.processedOn!).toISOString(),
    ...(job.finishedOn !== undefined && { finished: new Date(job.finishedOn).toISOString() }),
    ...outcome,
    ...(failure && { error: failure }),
  };
}

async function stateOf(job: Job): Promise<NightState> {
  if (await job.isActive()) return 'running';
  return (await job.isFailed()) ? 'failed' : 'retrying';
}

async function outcomeOf(queues: Queues, job: Job): Promise<{ end?: NightEnd; error?: Failure }> {
  try {
    const { body } = await queues.machines.open(nightClaims.end, job.returnvalue);
    const { digest } = peek(nightClaims.night, (job.data as { night?: unknown }).night);
    const isOwn = body.night === digest && Date.parse(body.finished) >= job.processedOn!;
    if (!isOwn) throw forged(nightClaims.end, 'it is about another night');
    return { end: body };
  } catch (error) {
    return { error: jobFailureOf(error) };
  }
}
