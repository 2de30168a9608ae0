/** The content of the queue for people and programs: releases, their stages with logs, and workers. */
import type { Job, JobState } from 'bullmq';
import { z } from 'zod';
import { MillinerError } from '../lib/errors/error.ts';
import type { Failure } from '../lib/errors/wire.ts';
import { peekRelease, peekRequest, type Release } from './claims.ts';
import { jobFailureOf, jobsOf, readFailure, releaseQueue, type Report, type Stage } from './job.ts';
import { openReport } from './opened.ts';
import { keys, type Queues } from './queues.ts';

/** `unconfirmed`: the queue has a result, but no machine that is enrolled here has sealed it. */
type ReleaseState = 'queued' | 'running' | 'released' | 'failed' | 'cancelled' | 'unconfirmed';
type StageState = 'queued' | 'running' | 'retrying' | 'done' | 'failed';

interface StageStatus {
  job: string;
  stage: Stage;
  arch?: string;
  state: StageState;
  attempts: number;
  /** ISO 8601. */
  started?: string;
  finished?: string;
  /** The current activity. */
  progress?: string;
  error?: Failure;
  /** The job's queue, if no live worker takes jobs from it. */
  unserved?: string;
  logs?: string[];
}

export interface ReleaseStatus {
  release: string;
  recipe: string;
  state: ReleaseState;
  run: string;
  queued: string;
  finished?: string;
  to: string[];
  /** The release of its base, if it waits for that. */
  waitsFor?: string;
  stages: StageStatus[];
  report?: Report;
  error?: Failure;
}

const line = z.string().max(1000);
const workerSchema = z.object({
  id: line,
  host: line,
  pid: z.int(),
  slots: z.int(),
  takes: z.array(line).max(1000),
  running: z.array(line).max(10_000),
});
/** What a worker reports about itself. It is unsigned, so nothing is decided by it. */
export type WorkerStatus = z.infer<typeof workerSchema>;

const unfinishedStates = ['active', 'waiting', 'prioritized', 'delayed', 'waiting-children'] as const;

/** Unfinished releases and the newest `finished` ended ones, oldest first. */
export async function listReleases(queues: Queues, finished: number): Promise<ReleaseStatus[]> {
  const queue = queues.get(releaseQueue);
  const [open, done, failed] = await Promise.all([
    queue.getJobs([...unfinishedStates]),
    finished > 0 ? queue.getCompleted(0, finished - 1) : [],
    finished > 0 ? queue.getFailed(0, finished - 1) : [],
  ]);
  // A job may be removed between the two calls.
  const jobs = [...open, ...done, ...failed].filter((job) => job !== undefined);
  const unique = [...new Map(jobs.map((job) => [job.id, job])).values()];
  const workers = await listWorkers(queues);
  const found = await Promise.all(unique.map((job) => describeAny(queues, job, workers)));
  return found.toSorted((a, b) => (a.queued < b.queued ? -1 : 1));
}

/** Throws RELEASE_NOT_FOUND. */
export async function findRelease(queues: Queues, id: string, logs = true): Promise<ReleaseStatus> {
  return describeRelease(queues, await releaseJob(queues, id), logs);
}

export async function describeRelease(queues: Queues, job: Job, logs: boolean): Promise<ReleaseStatus> {
  return describe(queues, job, await listWorkers(queues), logs);
}

export async function releaseJob(queues: Queues, id: string): Promise<Job> {
  const job = await queues.get(releaseQueue).getJob(id);
  if (job) return job;
  throw new MillinerError('RELEASE_NOT_FOUND', `the queue has no release ${id}`);
}

/** Workers with a heartbeat in the last seconds. */
export async function listWorkers({ redis }: Queues): Promise<WorkerStatus[]> {
  const ids = await redis.smembers(keys.workers);
  if (ids.length === 0) return [];
  const texts = await redis.mget(ids.map((id) => keys.worker(id)));
  const gone = ids.filter((_, index) => texts[index] === null);
  if (gone.length > 0) await redis.srem(keys.workers, ...gone);
  return texts.flatMap((said) => (said == null ? [] : readWorker(said)));
}

/** Ignores an entry that no worker of this version has written. */
function readWorker(said: string): WorkerStatus[] {
  try {
    return [workerSchema.parse(JSON.parse(said))];
  } catch {
    return [];
  }
}

/** A release whose request cannot be read is shown as such, so that it does not hide the others. */
async function describeAny(
  queues: Queues,
  job: Job,
  workers: readonly WorkerStatus[],
): Promise<ReleaseStatus> {
  return describe(queues, job, workers, false).catch((error: unknown) => {
    if (!(error instanceof MillinerError)) throw error;
    const queued = new Date(job.timestamp).toISOString();
    const nothing = { recipe: '', run: '', to: [], stages: [] };
    return {
      release: job.id!,
      state: 'unconfirmed' as const,
      queued,
      ...nothing,
      error: jobFailureOf(error),
    };
  });
}

async function describe(
  queues: Queues,
  job: Job,
  workers: readonly WorkerStatus[],
  withLogs: boolean,
): Promise<ReleaseStatus> {
  const data = peekRelease(job.data);
  const [state, cancelled] = await Promise.all([
    job.getState(),
    queues.redis.sismember(keys.cancelled, job.id!),
  ]);
  const steps = await describeStages(queues, job.id!, data, workers, withLogs);
  const outcome = state === 'completed' ? await outcomeOf(queues, job) : undefined;
  const error = job.failedReason && state === 'failed' ? readFailure(job.failedReason) : outcome?.error;
  return {
    release: job.id!,
    recipe: data.recipe,
    state: outcome?.error ? 'unconfirmed' : releaseState(state, steps, cancelled === 1),
    run: data.run,
    queued: new Date(job.timestamp).toISOString(),
    ...(job.finishedOn !== undefined && { finished: new Date(job.finishedOn).toISOString() }),
    to: data.to,
    ...(state === 'delayed' && data.base !== undefined && { waitsFor: data.base.release }),
    stages: steps,
    ...(outcome?.report && { report: outcome.report }),
    ...(error && { error }),
  };
}

async function outcomeOf(queues: Queues, job: Job): Promise<{ report?: Report; error?: Failure }> {
  try {
    const { request, ...report } = await openReport(queues.machines, job.returnvalue);
    const own = peekRequest(job.data).digest;
    if (request !== own)
      throw new MillinerError('QUEUE_FORGED', `${job.id} ended with the result of another release`);
    return { report };
  } catch (error) {
    return { error: jobFailureOf(error) };
  }
}

function releaseState(
  state: JobState | 'unknown',
  steps: readonly StageStatus[],
  cancelled: boolean,
): ReleaseState {
  if (state === 'completed') return 'released';
  if (cancelled) return 'cancelled';
  if (state === 'failed') return 'failed';
  return steps.some((step) => step.state !== 'queued') ? 'running' : 'queued';
}

/** The stages that are in the queue; later ones are added when their turn comes. */
async function describeStages(
  queues: Queues,
  release: string,
  data: Release,
  workers: readonly WorkerStatus[],
  withLogs: boolean,
): Promise<StageStatus[]> {
  const found: StageStatus[] = [];
  for (const { stage, arch, queue: name, id } of jobsOf(release, data)) {
    const job = await queues.get(name).getJob(id);
    if (!job) continue;
    const isServed = workers.some(({ takes }) => takes.includes(name));
    found.push(await describeStage(queues, job, { stage, arch, name, isServed, withLogs }));
  }
  return found;
}

interface Look {
  stage: Stage;
  arch: string | undefined;
  name: string;
  isServed: boolean;
  withLogs: boolean;
}

async function describeStage(queues: Queues, job: Job, look: Look): Promise<StageStatus> {
  const state = await stageState(job);
  const { text, done, total } = (typeof job.progress === 'object' ? job.progress : {}) as {
    text?: string;
    done?: number;
    total?: number;
  };
  const logs = look.withLogs ? (await queues.get(look.name).getJobLogs(job.id!)).logs : undefined;
  return {
    job: job.id!,
    stage: look.stage,
    ...(look.arch !== undefined && { arch: look.arch }),
    state,
    attempts: job.attemptsMade,
    ...(job.processedOn !== undefined && { started: new Date(job.processedOn).toISOString() }),
    ...(job.finishedOn !== undefined && { finished: new Date(job.finishedOn).toISOString() }),
    ...(state === 'running' && text !== undefined && { progress: `${text}: ${done} of ${total}` }),
    ...(job.failedReason && state !== 'done' && { error: readFailure(job.failedReason) }),
    ...((state === 'queued' || state === 'retrying') && !look.isServed && { unserved: look.name }),
    ...(logs && { logs }),
  };
}

/** Uses read commands alone: BullMQ's own query is a script, which a Redis user without write access may not run. */
async function stageState(job: Job): Promise<StageState> {
  if (await job.isActive()) return 'running';
  if (await job.isDelayed()) return 'retrying';
  if (await job.isFailed()) return 'failed';
  return (await job.isCompleted()) ? 'done' : 'queued';
}
