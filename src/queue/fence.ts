/**
 * Who may publish. A worker that was away (stopped, swapped out, cut off) does not know that its job has long been
 * another's; and a release must not move a tag back that a later one has moved. A registry compares nothing before it
 * moves a tag, so the queue is asked right before, and its leave ends before the job can be another's.
 */
import type { Job } from 'bullmq';
import type { Redis } from 'ioredis';
import { MillinerError } from '../errors.ts';
import { failureOf, prefix, referencesOf, type StageJob } from './job.ts';
import { monotonicMilliseconds, type Grant } from './messages.ts';
import { keys } from './queues.ts';

/** Milliseconds of a lock that are not used: for the time of the answer's way. */
const margin = 2000;

/** One step for Redis: whose the job is, whether a later release was there, and that this one is there now. */
const script = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return -1 end
if redis.call('SISMEMBER', KEYS[3], ARGV[3]) == 1 then return -3 end
for i = 4, #ARGV do
  if tonumber(redis.call('HGET', KEYS[2], ARGV[i]) or '0') > tonumber(ARGV[2]) then return -2 end
end
for i = 4, #ARGV do redis.call('HSET', KEYS[2], ARGV[i], ARGV[2]) end
return redis.call('PTTL', KEYS[1])`;

export async function grantTo(redis: Redis, job: Job, token: string, stage: StageJob): Promise<Grant> {
  const asked = monotonicMilliseconds();
  const references =
    stage.stage === 'publish' ? stage.images.flatMap(({ arch }) => referencesOf(stage, arch)) : [];
  const lock = `${prefix}:${job.queueName}:${job.id}:lock`;
  const own = [token, stage.data.number, stage.release, ...references];
  const left = Number(await redis.eval(script, 3, lock, keys.published, keys.cancelled, ...own));
  if (left > margin) return { until: asked + left - margin };
  const refusals: Record<number, MillinerError> = { [-2]: superseded(stage), [-3]: cancelled(job) };
  return { refused: failureOf(refusals[left] ?? lost(job)) };
}

export function cancelled({ id }: Job): MillinerError {
  return new MillinerError('RELEASE_CANCELLED', `${id} was cancelled`);
}

export function lost(job: Job): MillinerError {
  return new MillinerError('JOB_LOST', `${job.id} is another worker's by now`, { details: { job: job.id } });
}

function superseded({ release, data: { to } }: StageJob): MillinerError {
  return new MillinerError(
    'RELEASE_SUPERSEDED',
    `${to.join(', ')}: moved by a later release than ${release}`,
    {
      details: { release, references: to },
    },
  );
}
