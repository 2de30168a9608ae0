/**
 * Advances a release: its job adds the next stages as children and waits for them, until all are done. Each call works
 * out the next step anew from the results of the children, so that a worker may die at any point.
 */
import { DelayedError, WaitingChildrenError, type Job } from 'bullmq';
import { MillinerError } from '../lib/errors/error.ts';
import { errorFrom } from '../lib/errors/wire.ts';
import { claims, courseSchema, openCourse, type Course, type OpenedCourse, type Release } from './claims.ts';
import { cancelled } from './lease.ts';
import { jobsOf, retryOptions, readFailure, releaseQueue, type Stage, type StageData } from './job.ts';
import { keys, type Queues } from './queues.ts';
import { forged, sealedSchema, type Sealed } from './sealed.ts';

/** Milliseconds between two checks of a base that has not finished: a tenth of the time that it has taken so far. */
const basePause = { min: 50, max: 1000 };

interface Step {
  stage: Stage;
  arch?: string | undefined;
}

/** Returns the claims of the finished release. Otherwise moves the job and throws the error that tells BullMQ so. */
export async function advance(queues: Queues, job: Job, token: string): Promise<Course> {
  const { request } = job.data as { request?: Sealed };
  const { body: data } = await queues.machines.open(claims.request, request);
  for (;;) {
    if (await queues.redis.sismember(keys.cancelled, job.id!)) throw cancelled(job);
    const base = await finishedBase(queues, job, data, token);
    const [done, failed] = await Promise.all([job.getChildrenValues(), job.getFailedChildrenValues()]);
    for (const text of Object.values(failed)) throw errorFrom(readFailure(text));
    const course = courseOf(request!, data, new Results(job.id!, done));
    const next = nextSteps(await openCourse(queues.machines, course));
    if (next.length === 0) return course;
    await addStages(queues, job, data, next, { ...course, ...(base && { base }) });
    if (await job.moveToWaitingChildren(token)) throw new WaitingChildrenError();
    // The children ended before the job began to wait: look again.
  }
}

/** Results of the stages by name. A stage without a result has not finished. */
class Results {
  readonly #values = new Map<string, unknown>();

  constructor(release: string, values: Record<string, unknown>) {
    for (const [key, value] of Object.entries(values)) {
      const id = key.slice(key.lastIndexOf(':') + 1);
      this.#values.set(id.slice(release.length + 1), value);
    }
  }

  /** Throws QUEUE_FORGED. */
  get({ stage, arch }: Step): Sealed | undefined {
    const value = this.#values.get([stage, ...(arch === undefined ? [] : [arch])].join('.'));
    if (value === undefined) return undefined;
    const parsed = sealedSchema.safeParse(value);
    if (parsed.success) return parsed.data;
    throw forged({ name: stage }, 'no machine has sealed it');
  }
}

function courseOf(request: Sealed, { arches }: Release, results: Results): Course {
  return courseSchema.parse({
    request,
    locked: results.get({ stage: 'lock' }),
    built: arches.flatMap((arch) => results.get({ stage: 'build', arch }) ?? []),
    signed: results.get({ stage: 'sign' }),
    published: results.get({ stage: 'publish' }),
  });
}

/** The stages that can begin now; none when all are done. BullMQ ignores a child that exists already. */
function nextSteps({ release, locked, built, signed, published }: OpenedCourse): Step[] {
  if (!locked) return [{ stage: 'lock' }];
  const missing = release.arches.filter((arch) => !built.some((image) => image.arch === arch));
  if (missing.length > 0) return missing.map((arch) => ({ stage: 'build' as const, arch }));
  if (!signed) return [{ stage: 'sign' }];
  return published ? [] : [{ stage: 'publish' }];
}

async function addStages(
  queues: Queues,
  job: Job,
  release: Release,
  steps: readonly Step[],
  course: Omit<StageData, 'release' | 'stage' | 'arch'>,
): Promise<void> {
  const all = jobsOf(job.id!, release);
  for (const { stage, arch } of steps) {
    const { queue, id } = all.find((one) => one.stage === stage && one.arch === arch)!;
    const data: StageData = { release: job.id!, stage, ...(arch !== undefined && { arch }), ...course };
    await queues.redis.sadd(keys.queues, queue);
    await queues.get(queue).add(stage, data, {
      ...retryOptions,
      priority: release.priority,
      jobId: id,
      parent: { id: job.id!, queue: job.queueQualifiedName },
      // The job of the release reports the failure.
      continueParentOnFailure: true,
    });
  }
}

/** The claims of the base's release; undefined where there is none to wait for. */
async function finishedBase(
  queues: Queues,
  job: Job,
  { base }: Release,
  token: string,
): Promise<Course | undefined> {
  if (base === undefined) return undefined;
  const there = await queues.get(releaseQueue).getJob(base.release);
  // The base finished so long ago that BullMQ has removed its job.
  if (!there) return undefined;
  if (await there.isCompleted()) {
    const { returnvalue } = (await queues.get(releaseQueue).getJob(base.release))!;
    const parsed = courseSchema.safeParse(returnvalue);
    if (!parsed.success) throw forged({ name: 'base' }, 'it is malformed');
    // The id may be that of another release, when the queue was emptied and counts from the beginning.
    const { request } = await openCourse(queues.machines, parsed.data);
    return request === base.request ? parsed.data : undefined;
  }
  if (await there.isFailed()) {
    throw new MillinerError('BASE_FAILED', `the release of its base, ${base.release}, failed`, {
      details: { base: base.release },
    });
  }
  const now = Date.now();
  const pause = Math.min(Math.max(basePause.min, (now - job.timestamp) / 10), basePause.max);
  await job.moveToDelayed(now + pause, token);
  throw new DelayedError();
}
