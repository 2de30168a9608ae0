/**
 * A release goes forward: its job adds the next stage as a child and waits for it, until there is a report. It is
 * worked out anew each time from what the children have given, so that it may be cut short anywhere.
 */
import { DelayedError, WaitingChildrenError, type Job } from 'bullmq';
import { z } from 'zod';
import { MillinerError } from '../errors.ts';
import { cancelled } from './fence.ts';
import {
  builtSchema,
  jobsOf,
  parseRelease,
  persistent,
  readFailure,
  releaseQueue,
  revived,
  type Built,
  type LockResult,
  type PublishResult,
  type Release,
  type Report,
  type SignResult,
  type Stage,
  type StageJob,
} from './job.ts';
import { keys, type Queues } from './queues.ts';

/** Milliseconds between two looks at a base that is not finished. */
const basePause = 500;

interface Step {
  stage: Stage;
  arch?: string | undefined;
}

/** Gives the report, or moves the job on and throws what BullMQ wants to hear. */
export async function advance(queues: Queues, job: Job, token: string): Promise<Report> {
  const data = parseRelease(job.data);
  for (;;) {
    if (await queues.redis.sismember(keys.cancelled, job.id!)) throw cancelled(job);
    const base = await finishedBase(queues, job, data, token);
    const [done, failed] = await Promise.all([job.getChildrenValues(), job.getFailedChildrenValues()]);
    for (const text of Object.values(failed)) throw revived(readFailure(text));
    const results = new Results(job.id!, done);
    const report = await proceed(queues, job, data, base, results);
    if (report) return report;
    if (await job.moveToWaitingChildren(token)) throw new WaitingChildrenError();
    // The children have ended meanwhile.
  }
}

/** By the stages' names; what is not there is not finished. */
class Results {
  readonly #values = new Map<string, unknown>();

  constructor(release: string, values: Record<string, unknown>) {
    for (const [key, value] of Object.entries(values)) {
      const id = key.slice(key.lastIndexOf(':') + 1);
      this.#values.set(id.slice(release.length + 1), value);
    }
  }

  get({ stage, arch }: Step): unknown {
    return this.#values.get([stage, ...(arch === undefined ? [] : [arch])].join('.'));
  }
}

/** Adds the stages that can begin now; adding one that is there does nothing. */
async function proceed(
  queues: Queues,
  job: Job,
  data: Release,
  base: Base | undefined,
  results: Results,
): Promise<Report | undefined> {
  const begin = (steps: Step[], more: Partial<StageJob>) => addStages(queues, job, steps, { data, ...more });
  const onBase = (image?: Built) => {
    if (!base) return {};
    const { exchange, plainHttp } = base.release;
    return { base: { exchange, plainHttp, bundle: base.report.bundle, image } };
  };
  const lock = results.get({ stage: 'lock' }) as LockResult | undefined;
  if (!lock) return begin([{ stage: 'lock' }], onBase());
  const locked = { ...data, bundle: lock.bundle };
  const builds = data.arches.map((arch) => ({ stage: 'build' as const, arch }));
  const built = builds.map((step) => results.get(step)).filter((one) => one !== undefined);
  if (built.length < builds.length) {
    const missing = builds.filter((step) => results.get(step) === undefined);
    for (const step of missing) {
      const image = base?.report.images.find(({ arch }) => arch === step.arch);
      await begin([step], { data: locked, ...onBase(image) });
    }
    return undefined;
  }
  const images = z.array(builtSchema).parse(built);
  const signed = results.get({ stage: 'sign' }) as SignResult | undefined;
  if (!signed) return begin([{ stage: 'sign' }], { data: locked, images });
  const published = results.get({ stage: 'publish' }) as PublishResult | undefined;
  if (!published) return begin([{ stage: 'publish' }], { data: locked, images });
  return {
    recipe: data.recipe,
    ...lock,
    images,
    ...signed,
    ...published,
    queued: new Date(job.timestamp).toISOString(),
    finished: new Date().toISOString(),
  };
}

async function addStages(
  queues: Queues,
  release: Job,
  steps: Step[],
  part: Partial<StageJob> & Pick<StageJob, 'data'>,
): Promise<undefined> {
  const { priority } = part.data;
  const all = jobsOf(release.id!, part.data);
  for (const { stage, arch } of steps) {
    const { queue, id } = all.find((one) => one.stage === stage && one.arch === arch)!;
    const data = { release: release.id, stage, ...(arch !== undefined && { arch }), ...part };
    await queues.redis.sadd(keys.queues, queue);
    await queues.get(queue).add(stage, data, {
      ...persistent,
      priority,
      jobId: id,
      parent: { id: release.id!, queue: release.queueQualifiedName },
      // The release itself says what became of it.
      continueParentOnFailure: true,
    });
  }
}

interface Base {
  release: Release;
  report: Report;
}

/** The base's release; undefined where there is none to wait for. */
async function finishedBase(
  queues: Queues,
  job: Job,
  { base }: Release,
  token: string,
): Promise<Base | undefined> {
  if (base === undefined) return undefined;
  const there = await queues.get(releaseQueue).getJob(base);
  // Finished so long ago that it is forgotten.
  if (!there) return undefined;
  if (await there.isCompleted()) {
    const { data, returnvalue } = (await queues.get(releaseQueue).getJob(base))!;
    return { release: parseRelease(data), report: returnvalue as Report };
  }
  if (await there.isFailed()) {
    throw new MillinerError('BASE_FAILED', `its base's release ${base} failed`, { details: { base } });
  }
  await job.moveToDelayed(Date.now() + basePause, token);
  throw new DelayedError();
}
