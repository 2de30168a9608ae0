/** For `queue retry`, `queue cancel` and `queue clean`. */
import type { Job } from 'bullmq';
import { MillinerError, type ErrorCode } from '../lib/errors/error.ts';
import { peekRelease } from './claims.ts';
import { jobsOf, readFailure, releaseQueue, type Stage } from './job.ts';
import { keys, type Queues } from './queues.ts';
import { releaseJob } from './status.ts';

/**
 * Cancels a release. Workers stop its running jobs within a second; waiting jobs are removed. Throws RELEASE_NOT_FOUND.
 */
export async function cancelRelease(queues: Queues, id: string): Promise<void> {
  const job = await releaseJob(queues, id);
  if (await isOver(job)) throw notNow(id, 'has ended already');
  await queues.redis.sadd(keys.cancelled, id);
  // So that the same release can be queued again at once.
  await job.removeDeduplicationKey();
  for (const child of await childrenOf(queues, job)) {
    // A running job cannot be removed; its worker stops it.
    await child.remove().catch(() => undefined);
  }
  // A release that waits for its base must not wait any longer.
  if (await job.isDelayed()) await job.promote().catch(() => undefined);
}

/** Runs the failed stages again; finished stages stay. Throws RELEASE_NOT_FOUND. */
export async function retryRelease(queues: Queues, id: string): Promise<void> {
  const job = await releaseJob(queues, id);
  const wasCancelled = await queues.redis.srem(keys.cancelled, id);
  if (!(await job.isFailed())) {
    // No worker has noticed the cancellation yet, so the release just continues.
    if (wasCancelled === 1 && !(await job.isCompleted())) return;
    throw notNow(id, (await job.isCompleted()) ? 'was released' : 'goes on');
  }
  await removeStages(queues, job, stagesAgain[readFailure(job.failedReason).code] ?? []);
  const again = { resetAttemptsMade: true, resetAttemptsStarted: true };
  for (const child of await childrenOf(queues, job)) {
    if (!(await child.isFailed())) continue;
    await resetStalledCount(queues, child);
    await child.retry('failed', again);
  }
  // Children that were retried have left the set of failed ones. The rest are removed, and there is nothing to wait
  // for.
  await queues.redis.del(queues.get(releaseQueue).toKey(`${id}:failed`));
  await resetStalledCount(queues, job);
  await job.retry('failed', again);
}

/** Finished stages that run again after a failure. */
const stagesAgain: { [Code in ErrorCode]?: readonly Stage[] } = {
  // The blobs that they produced are gone.
  BLOB_MISSING: ['lock', 'build', 'sign', 'publish'],
  // The move of the tag was recorded before the hold, and is recorded anew.
  TAG_HELD: ['sign', 'publish'],
};

async function removeStages(queues: Queues, job: Job, stages: readonly Stage[]): Promise<void> {
  const setOf = (name: string) => queues.get(releaseQueue).toKey(`${job.id}:${name}`);
  for (const child of await childrenOf(queues, job, stages)) {
    const key = queues.get(child.queueName).toKey(child.id!);
    await child.remove();
    await queues.redis.hdel(setOf('processed'), key);
    await queues.redis.hdel(setOf('failed'), key);
    await queues.redis.srem(setOf('dependencies'), key);
  }
}

/**
 * Resets BullMQ's count of lost workers, which lasts for a job's whole life. A job that has reached the limit would
 * fail at once.
 */
async function resetStalledCount(queues: Queues, job: Job): Promise<void> {
  await queues.redis.hdel(queues.get(job.queueName).toKey(job.id!), 'stc', 'defa');
}

export async function failedReleases(queues: Queues): Promise<string[]> {
  const jobs = await queues.get(releaseQueue).getFailed();
  // A base was queued earlier than the recipes built on it.
  const timed = jobs.map((job) => ({ id: job.id!, at: peekRelease(job.data).at }));
  return timed.toSorted((a, b) => a.at - b.at).map(({ id }) => id);
}

/** Removes releases that ended more than `olderThan` milliseconds ago, with their jobs. Returns their ids. */
export async function cleanReleases(queues: Queues, olderThan: number): Promise<string[]> {
  const queue = queues.get(releaseQueue);
  const before = Date.now() - olderThan;
  const ended = (await queue.getJobs(['completed', 'failed'])).filter(
    (job) => (job.finishedOn ?? 0) <= before,
  );
  const removed: string[] = [];
  for (const job of ended) {
    const children = await childrenOf(queues, job);
    const running = await Promise.all(children.map((child) => child.isActive()));
    // Another stage of a failed release may still be running.
    if (running.includes(true)) continue;
    for (const child of children) await child.remove();
    await job.remove();
    await queues.redis.srem(keys.cancelled, job.id!);
    removed.push(job.id!);
  }
  await removeOldReferences(queues);
  return removed;
}

/** Removes the times of moved tags that are older than every release that could still run: they can refuse none. */
async function removeOldReferences(queues: Queues): Promise<void> {
  const jobs = await queues
    .get(releaseQueue)
    .getJobs(['active', 'waiting', 'prioritized', 'delayed', 'waiting-children', 'failed']);
  const oldest = Math.min(Date.now(), ...jobs.map((job) => peekRelease(job.data).at));
  for (const [reference, at] of Object.entries(await queues.redis.hgetall(keys.published))) {
    if (Number(at) < oldest) await queues.redis.hdel(keys.published, reference);
  }
}

async function childrenOf(queues: Queues, job: Job, only?: readonly Stage[]): Promise<Job[]> {
  const all = jobsOf(job.id!, peekRelease(job.data)).filter(({ stage }) => only?.includes(stage) ?? true);
  const there = all.map(({ queue, id }) => queues.get(queue).getJob(id));
  return (await Promise.all(there)).filter((child) => child !== undefined);
}

async function isOver(job: Job): Promise<boolean> {
  return (await job.isCompleted()) || job.isFailed();
}

function notNow(id: string, reason: string): MillinerError {
  return new MillinerError('RELEASE_NOT_FOUND', `release ${id} ${reason}`, { details: { release: id } });
}
