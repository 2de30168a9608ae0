/** Whether a worker has nothing left to wait for. */
import { peekRelease } from './claims.ts';
import { releaseQueue } from './job.ts';
import { keys, type Queues } from './queues.ts';

/**
 * Nothing of what it takes is there or may still come: what others do at this moment may lead to more. A release that
 * waits for what only others take is theirs.
 */
export async function isDone(queues: Queues, takes: readonly string[]): Promise<boolean> {
  const names = new Set([...(await queues.redis.smembers(keys.queues)), ...takes, releaseQueue]);
  // One step for Redis: a job that moves on between two looks would be seen in neither place.
  const look = queues.redis.multi();
  for (const name of names) {
    const at = (set: string) => queues.get(name).toKey(set);
    if (!takes.includes(name)) continue;
    look.llen(at('active')).llen(at('wait')).zcard(at('prioritized'));
    if (name !== releaseQueue) look.zcard(at('delayed'));
  }
  const answers = (await look.exec()) ?? [];
  if (answers.some(([, count]) => Number(count) > 0)) return false;
  for (const name of names) if (!takes.includes(name) && (await isAtWork(queues, name))) return false;
  const releases = queues.get(releaseQueue);
  for (const job of await releases.getDelayed()) {
    const { base } = peekRelease(job.data);
    const there = base === undefined ? undefined : await releases.getJob(base.release);
    // Its base has ended: it will begin in a moment.
    if (!there || (await there.isCompleted()) || (await there.isFailed())) return false;
  }
  return true;
}

/** Where a worker that nobody has missed yet is dead, its jobs are active without a lock. */
async function isAtWork(queues: Queues, name: string): Promise<boolean> {
  const queue = queues.get(name);
  const active = await queue.getActive();
  if (active.length === 0) return false;
  return (await queues.redis.exists(active.map(({ id }) => queue.toKey(`${id}:lock`)))) > 0;
}
