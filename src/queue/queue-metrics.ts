/** Metrics of the queue: releases by state, workers and what they do. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { MillinerError } from '../lib/errors/error.ts';
import type { Metric } from '../stages/report/openmetrics.ts';
import { releaseQueue } from './job.ts';
import type { Queues } from './queues.ts';
import { redisVariable } from './redis-address.ts';
import { asQueueError } from './replies.ts';
import { listSchedules, type ScheduleStatus } from './schedule-status.ts';
import { listWorkers } from './status.ts';

/** Milliseconds. While a Redis is down, commands wait for it without an end. */
const answerTimeout = 5000;

/** Without one, a look at the queue would start a server for it. */
export function hasQueue(state: string): boolean {
  return Boolean(process.env[redisVariable]) || existsSync(join(state, 'queue'));
}

/** A Redis that does not answer is a metric, not an error: an alert on the queue needs it. */
export async function queueMetrics(queues: Queues): Promise<Metric[]> {
  if (queues.redis.status !== 'ready') return [upMetric(false)];
  const over = new AbortController();
  const timeout = sleep(answerTimeout, undefined, { signal: over.signal }).catch(() => undefined);
  try {
    return (await Promise.race([readQueue(queues), timeout])) ?? [upMetric(false)];
  } catch (error) {
    if (!(error instanceof MillinerError) && !asQueueError(error)) throw error;
    return [upMetric(false)];
  } finally {
    over.abort();
  }
}

async function readQueue(queues: Queues): Promise<Metric[]> {
  return [
    upMetric(true),
    await releaseMetric(queues),
    ...(await workerMetrics(queues)),
    ...(await scheduleMetrics(queues)),
  ];
}

export function upMetric(isUp: boolean): Metric {
  return {
    name: 'milliner_queue_up',
    type: 'gauge',
    help: 'Whether the Redis of the queue answers.',
    samples: [{ value: Number(isUp) }],
  };
}

/** BullMQ's sets by what they mean of a release: one that waits for its stages is running. */
const states = {
  queued: ['wait', 'prioritized', 'delayed'],
  running: ['active', 'waiting-children'],
  released: ['completed'],
  failed: ['failed'],
} as const;
const lists: readonly string[] = ['wait', 'active'];

async function releaseMetric(queues: Queues): Promise<Metric> {
  const queue = queues.get(releaseQueue);
  const sizeOf = (set: string) =>
    lists.includes(set) ? queues.redis.llen(queue.toKey(set)) : queues.redis.zcard(queue.toKey(set));
  const counts = Object.entries(states).map(async ([state, sets]) => {
    const sizes = await Promise.all(sets.map(sizeOf));
    return { labels: { state }, value: sizes.reduce((sum, size) => sum + size, 0) };
  });
  return {
    name: 'milliner_queue_releases',
    type: 'gauge',
    help: 'Releases in the queue, by state; those that ended stay for 30 days, failed ones for 90.',
    samples: await Promise.all(counts),
  };
}

async function workerMetrics(queues: Queues): Promise<Metric[]> {
  const workers = await listWorkers(queues);
  const sum = (numbers: readonly number[]) => numbers.reduce((total, one) => total + one, 0);
  const gauge = (name: string, help: string, value: number): Metric => ({
    name: `milliner_queue_${name}`,
    type: 'gauge',
    help,
    samples: [{ value }],
  });
  return [
    gauge('workers', 'Workers with a heartbeat in the last seconds.', workers.length),
    gauge('worker_slots', 'Jobs that the workers can do at once.', sum(workers.map(({ slots }) => slots))),
    gauge('running_jobs', 'Jobs that workers do now.', sum(workers.map(({ running }) => running.length))),
  ];
}

async function scheduleMetrics(queues: Queues): Promise<Metric[]> {
  const schedules = await listSchedules(queues);
  const gauge = (
    name: string,
    help: string,
    timeOf: (one: ScheduleStatus) => string | undefined,
  ): Metric => ({
    name: `milliner_schedule_${name}_timestamp_seconds`,
    type: 'gauge',
    unit: 'seconds',
    help,
    samples: schedules.flatMap((one) => {
      const time = timeOf(one);
      return time === undefined ? [] : [{ labels: { set: one.set }, value: Date.parse(time) / 1000 }];
    }),
  });
  return [
    gauge('next', 'When the next night of a set is due, in seconds since 1970.', ({ next }) => next),
    gauge('last_start', 'When a worker last started a night of a set.', ({ last }) => last?.started),
  ];
}
