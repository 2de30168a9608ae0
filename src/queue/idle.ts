/** Whether a worker has nothing left to wait for. */
import { parseRelease, releaseQueue } from './job.ts';
import { keys, type Queues } from './queues.ts';

/**
 * Nothing of what it takes is there or may still come: what others do at this moment may lead to more. A release that
 * waits for what only others take is theirs.
 */
export async function isDone(queues: Queues, takes: readonly string[]): Promise<boolean> {
  const names = await queues.redis.smembers(keys.queues);
  for (const name of new Set([...names, ...takes])) {
    const own = takes.includes(name) && name !== releaseQueue;
    const states = own ? (['wait', 'active', 'prioritized', 'delayed'] as const) : (['active'] as const);
    const counts = await queues.get(name).getJobCounts(...states);
    if (Object.values(counts).some((count) => count > 0)) return false;
  }
  const releases = queues.get(releaseQueue);
  const {
    wait = 0,
    prioritized = 0,
    active = 0,
  } = await releases.getJobCounts('wait', 'prioritized', 'active');
  if (wait + prioritized + active > 0) return false;
  for (const job of await releases.getDelayed()) {
    const { base } = parseRelease(job.data);
    const there = base === undefined ? undefined : await releases.getJob(base);
    // Its base has ended: it will begin in a moment.
    if (!there || (await there.isCompleted()) || (await there.isFailed())) return false;
  }
  return true;
}
