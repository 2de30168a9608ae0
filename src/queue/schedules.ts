/** For `milliner schedule`: the schedules of release sets, which are job schedulers of BullMQ in the queue `night`. */
import type { Job, JobSchedulerJson, JobsOptions } from 'bullmq';
import { MillinerError } from '../lib/errors/error.ts';
import { cronPattern } from '../stages/recipe/set-schema.ts';
import { loadSet } from '../stages/recipe/load-set.ts';
import { retention } from './job.ts';
import { nightClaims, nightQueue, openNight, peekNight, type NightClaim } from './night-claims.ts';
import { nextTime } from './night-due.ts';
import { keys, type Queues } from './queues.ts';
import { forged } from './sealed.ts';
import { listWorkers } from './status.ts';

/** Retries what may pass, besides the retries of the releases in it. */
const nightOptions: JobsOptions = {
  ...retention,
  attempts: 4,
  backoff: { type: 'exponential', delay: 60_000 },
};

export interface Scheduled {
  set: string;
  path: string;
  /** In UTC. */
  cron: string;
  plainHttp: boolean;
  /** ISO 8601. */
  next: string;
}

/** Replaces the schedule of the same set. Throws as loadSet does; USAGE, SCHEDULE_MISSING. */
export async function addSchedule(
  queues: Queues,
  given: string | undefined,
  { cron, plainHttp }: { cron: string | undefined; plainHttp: boolean },
): Promise<Scheduled> {
  const { set, path } = await loadSet(given);
  if (!/\.ya?ml$/.test(path)) throw new MillinerError('USAGE', `${path} does not end in .yaml or .yml`);
  const pattern = cron ?? set.schedule;
  const next = pattern === undefined ? undefined : nextOf(pattern);
  if (pattern === undefined || next === undefined) {
    const what =
      pattern === undefined ? 'has no schedule' : `has the schedule ${pattern}, which no day matches`;
    throw new MillinerError('SCHEDULE_MISSING', `${path} ${what}`, { details: { path } });
  }
  const night: NightClaim = { version: 1, at: Date.now(), set: set.name, path, plainHttp, cron: pattern };
  const data = { night: await queues.machines.seal(nightClaims.night, night) };
  await queues.redis.sadd(keys.queues, nightQueue);
  const template = { name: nightQueue, data, opts: nightOptions };
  await queues.get(nightQueue).upsertJobScheduler(set.name, { pattern, tz: 'UTC' }, template);
  return { set: set.name, path, cron: pattern, plainHttp, next: new Date(next).toISOString() };
}

/** Throws USAGE. */
function nextOf(pattern: string): number | undefined {
  const { error } = cronPattern.safeParse(pattern);
  if (error) throw new MillinerError('USAGE', `${pattern}: ${error.issues[0]!.message}`);
  return nextTime(pattern, Date.now());
}

export async function findSchedulers(queues: Queues): Promise<JobSchedulerJson[]> {
  const all = await queues.get(nightQueue).getJobSchedulers(0, -1, true);
  return all.toSorted((a, b) => (a.key < b.key ? -1 : 1));
}

/**
 * Removes a schedule, and its nights that have not begun. Returns the jobs that run: they go on. Throws
 * SCHEDULE_NOT_FOUND.
 */
export async function removeSchedule(queues: Queues, set: string): Promise<string[]> {
  const queue = queues.get(nightQueue);
  if (!(await queue.removeJobScheduler(set))) throw notFound(set);
  const running: string[] = [];
  for (const job of await nightsOf(queues, set)) {
    if (await job.isActive()) running.push(job.id!);
    // A worker may take it between the two calls; then it runs.
    else await job.remove().catch(() => running.push(job.id!));
  }
  return running;
}

/** The nights of a set that have not ended, also those that were asked for once. */
async function nightsOf(queues: Queues, set: string): Promise<Job[]> {
  const jobs = await queues.get(nightQueue).getJobs(['active', 'waiting', 'prioritized', 'delayed']);
  return jobs.filter((job) => job !== undefined && peekNight(job.data)?.set === set);
}

/** Adds a night of the set that runs now, once. Returns its job. Throws SCHEDULE_NOT_FOUND, QUEUE_FORGED, MACHINE_UNKNOWN. */
export async function runSchedule(queues: Queues, set: string): Promise<string> {
  const queue = queues.get(nightQueue);
  const scheduler = await queue.getJobScheduler(set);
  if (!scheduler) throw notFound(set);
  const { body } = await openNight(queues.machines, scheduler.template?.data);
  if (body.set !== set) throw forged(nightClaims.night, `it is about ${body.set}`);
  const { path, plainHttp } = body;
  const night: NightClaim = { version: 1, at: Date.now(), set, path, plainHttp };
  const data = { night: await queues.machines.seal(nightClaims.night, night) };
  const job = await queue.add(nightQueue, data, { ...nightOptions, jobId: `${set}.${night.at}` });
  return job.id!;
}

/** Whether a live worker takes nights. */
export async function hasNightWorkers(queues: Queues): Promise<boolean> {
  return (await listWorkers(queues)).some(({ takes }) => takes.includes(nightQueue));
}

/** Throws SCHEDULE_NOT_FOUND. */
export function requireSchedule<T extends { set: string }>(all: readonly T[], set: string): T {
  const found = all.find((one) => one.set === set);
  if (found) return found;
  throw notFound(set);
}

function notFound(set: string): MillinerError {
  return new MillinerError('SCHEDULE_NOT_FOUND', `the queue has no schedule for ${set}`, {
    details: { set },
  });
}
