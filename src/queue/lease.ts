/**
 * The lease to publish. A worker that was stopped, swapped out or cut off does not know that another worker has taken
 * its job, and an old release must not move a tag back that a later release has moved. A registry has no
 * compare-and-set for tags. So a worker acquires a lease from the queue right before it moves tags: for one release at
 * a time, and ending before another worker can take the job.
 */
import type { Job } from 'bullmq';
import type { Redis } from 'ioredis';
import { setTimeout as sleep } from 'node:timers/promises';
import { MillinerError } from '../lib/errors/error.ts';
import { jobFailureOf, type StageJob } from './job.ts';
import { now, type Deadline, type Lease } from './messages.ts';
import { keys, prefix } from './queues.ts';
import { allReferences } from './release-tags.ts';

/** Milliseconds at the end of the job's lock that a lease does not use: the answer takes time to arrive. */
const marginMilliseconds = 2000;
/** Milliseconds between two attempts while another release moves the same tags. */
const pollMilliseconds = 200;

const movingKey = (reference: string) => `${prefix}:moving:${reference}`;

/**
 * Checks and acquires in one atomic step: the job is still this worker's, the release is not cancelled, no later
 * release has moved its tags, and no other release holds those that the job moves. KEYS: lock, published, cancelled, the
 * tags that the job moves.
 */
const acquireScript = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return -1 end
if redis.call('SISMEMBER', KEYS[3], ARGV[3]) == 1 then return -3 end
for i = 4, #ARGV do
  if tonumber(redis.call('HGET', KEYS[2], ARGV[i]) or '0') > tonumber(ARGV[2]) then return -2 end
end
for i = 4, #KEYS do
  local holder = redis.call('GET', KEYS[i])
  if holder and holder ~= ARGV[1] then return -4 end
end
local left = redis.call('PTTL', KEYS[1])
for i = 4, #KEYS do redis.call('SET', KEYS[i], ARGV[1], 'PX', math.max(left, 1)) end
return left`;

/** Releases the tags; if they were moved, records the time of the request that moved them. */
const releaseScript = `
for i = 2, #KEYS do
  if redis.call('GET', KEYS[i]) == ARGV[1] then
    redis.call('DEL', KEYS[i])
    if ARGV[3] == 'moved' then redis.call('HSET', KEYS[1], ARGV[i + 2], ARGV[2]) end
  end
end`;

/** Waits while another release holds one of the tags. */
export async function acquireLease(
  redis: Redis,
  job: Job,
  token: string,
  stage: StageJob,
  signal: AbortSignal,
): Promise<Lease> {
  const references = movedBy(stage);
  const lock = `${prefix}:${job.queueName}:${job.id}:lock`;
  const redisKeys = [lock, keys.published, keys.cancelled, ...references.map(movingKey)];
  for (;;) {
    const asked = now();
    // A signer records the moves of the tags: a release that is too late must not say that it moves them.
    const scriptArgs = [token, stage.data.at, stage.release, ...allReferences(stage.data)];
    const lifetime = Number(await redis.eval(acquireScript, redisKeys.length, ...redisKeys, ...scriptArgs));
    if (lifetime > marginMilliseconds) return { until: later(asked, lifetime - marginMilliseconds) };
    if (lifetime !== -4) return { refused: jobFailureOf(refusal(lifetime, job, stage)) };
    await sleep(pollMilliseconds, undefined, { signal });
  }
}

/** Called however the job ended. */
export async function releaseLease(
  redis: Redis,
  token: string,
  stage: StageJob,
  moved: boolean,
): Promise<void> {
  const references = movedBy(stage);
  if (references.length === 0) return;
  const redisKeys = [keys.published, ...references.map(movingKey)];
  const scriptArgs = [token, stage.data.at, moved ? 'moved' : '', ...references];
  await redis.eval(releaseScript, redisKeys.length, ...redisKeys, ...scriptArgs);
}

/** The tags that a job moves; only the publish stage moves any. */
export function movedBy(stage: StageJob): string[] {
  return stage.stage === 'publish' ? allReferences(stage.data) : [];
}

function later({ monotonic, wall }: Deadline, milliseconds: number): Deadline {
  return { monotonic: monotonic + milliseconds, wall: wall + milliseconds };
}

function refusal(answer: number, job: Job, stage: StageJob): MillinerError {
  if (answer === -2) return superseded(stage);
  return answer === -3 ? cancelled(job) : lost(job);
}

export function cancelled({ id }: Job): MillinerError {
  return new MillinerError('RELEASE_CANCELLED', `${id} was cancelled`);
}

export function lost(job: Job): MillinerError {
  return new MillinerError('JOB_LOST', `another worker has taken the job ${job.id}`, {
    details: { job: job.id },
  });
}

function superseded({ release, data: { to } }: StageJob): MillinerError {
  return new MillinerError(
    'RELEASE_SUPERSEDED',
    `a later release than ${release} has moved ${to.join(', ')}`,
    {
      details: { release, references: to },
    },
  );
}
