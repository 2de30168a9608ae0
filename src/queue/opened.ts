/**
 * Opens every claim in a job's data and in a release's result. Workers act on nothing else, and commands report nothing
 * else.
 */
import type { Job } from 'bullmq';
import { courseSchema, openCourse, requireWhole, type OpenedCourse } from './claims.ts';
import { jobsOf, stageSchema, type Report, type StageData, type StageJob } from './job.ts';
import { forged, type Machines } from './sealed.ts';

const job = { name: 'job' };

/** Throws QUEUE_FORGED, MACHINE_UNKNOWN, RELEASE_FAILED. */
export async function openStage(
  machines: Machines,
  { id, queueName, data }: Pick<Job, 'id' | 'queueName' | 'data'>,
): Promise<StageJob> {
  const parsed = stageSchema.safeParse(data);
  if (!parsed.success) throw forged(job, 'it is malformed');
  const { release: name, stage, arch, base, ...course } = parsed.data;
  const opened = await openCourse(machines, course);
  const { release, submitter, request, locked, built } = opened;
  const own = jobsOf(name, release).find((one) => one.stage === stage && one.arch === arch);
  if (own?.queue !== queueName || own.id !== id || !name.startsWith(`${release.recipe}-`)) {
    throw forged(job, 'it is in a queue where it does not belong');
  }
  if (stage !== 'lock' && !locked) throw forged(job, 'its recipe is not locked');
  if (stage === 'sign' || stage === 'publish') requireWhole(opened);
  if (stage === 'publish' && !opened.signed) throw forged(job, 'its images are not signed');
  const below = base && (await openBase(machines, opened, base, arch));
  return {
    release: name,
    submitter,
    request,
    stage,
    ...(arch !== undefined && { arch }),
    data: locked ? { ...release, bundle: locked.bundle } : release,
    ...(below && { base: below }),
    images: built,
    ...(opened.signed && { publicKey: opened.signed.publicKey }),
  };
}

/** The base must be the one that the request has. */
async function openBase(
  machines: Machines,
  { release }: OpenedCourse,
  course: NonNullable<StageData['base']>,
  arch: string | undefined,
): Promise<NonNullable<StageJob['base']>> {
  const base = await openCourse(machines, courseSchema.parse(course));
  if (base.request !== release.base?.request) throw forged(job, 'its base is not the one of its request');
  if (!base.locked) throw forged(job, 'its base is not locked');
  const { exchange, plainHttp } = base.release;
  const image = base.built.find((one) => one.arch === arch);
  return { exchange, plainHttp, bundle: base.locked.bundle, image };
}

/** The report of a finished release. Throws as openStage does. */
export async function openReport(machines: Machines, course: unknown): Promise<Report & { request: string }> {
  const parsed = courseSchema.safeParse(course);
  if (!parsed.success) throw forged(job, 'its result is malformed');
  const { release, request, locked, built, signed, published } = await openCourse(machines, parsed.data);
  if (!locked || !signed || !published)
    throw forged(job, 'its result does not say that it was locked, signed and published');
  return {
    request,
    recipe: release.recipe,
    lockDigest: locked.lockDigest,
    bundle: locked.bundle,
    images: built,
    signatures: signed.signatures,
    attestations: signed.attestations,
    uploadedBytes: signed.uploadedBytes,
    mountedBlobs: signed.mountedBlobs,
    skippedBlobs: signed.skippedBlobs,
    references: published.tags.map(({ reference }) => reference),
    tags: published.tags,
    queued: new Date(release.at).toISOString(),
    finished: published.finished,
  };
}
