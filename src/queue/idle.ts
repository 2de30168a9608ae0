/** Whether a worker with --once has nothing left to wait for. */
import { peekRelease } from './claims.ts';
import { releaseQueue } from './job.ts';
import { nightQueue } from './night-claims.ts';
import { keys, type Queues } from './queues.ts';

/** BullMQ's score of a delayed job is its time in milliseconds, times this. */
const delayedUnit = 0x1000;

/**
 * True if the worker's queues are empty and no running job can add to them: a job of another worker may lead to new
 * ones. A release that waits for a queue of other workers only does not count.
 */
export async function isDone(queues: Queues, takes: readonly string[]): Promise<boolean> {
  const names = new Set([...(await queues.redis.smembers(keys.queues)), ...takes, releaseQueue]);
  // Read in one transaction: a job that moves between two reads would be counted in neither place.
  const look = queues.redis.multi();
  for (const name of names) {
    const at = (set: string) => queues.get(name).toKey(set);
    if (!takes.includes(name)) continue;
    look.llen(at('active')).llen(at('wait')).zcard(at('prioritized'));
    // The next night of a schedule is always there, and only one that is due is work.
    if (name === nightQueue) look.zcount(at('delayed'), 0, (Date.now() + 1) * delayedUnit);
    else if (name !== releaseQueue) look.zcard(at('delayed'));
  }
  const answers = (await look.exec()) ?? [];
  if (answers.some(([, count]) => Number(count) > 0)) return false;
  for (const name of names) if (!takes.includes(name) && (await isAtWork(queues, name))) return false;
  const releases = queues.get(releaseQueue);
  for (const job of await releases.getDelayed()) {
    const { base } = peekRelease(job.data);
    const there = base === undefined ? undefined : await releases.getJob(base.release);
    // Its base has ended, so it will begin in a moment.
    if (!there || (await there.isCompleted()) || (await there.isFailed())) return false;
  }
  return true;
}

/**
 * Whether a live worker holds a job of the queue. Jobs of a dead worker stay active, without a lock, until BullMQ
 * notices.
 */
async function isAtWork(queues: Queues, name: string): Promise<boolean> {
  const queue = queues.get(name);
  const active = await queue.getActive();
  if (active.length === 0) return false;
  return (await queues.redis.exists(active.map(({ id }) => queue.toKey(`${id}:lock`)))) > 0;
}
