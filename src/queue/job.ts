/**
 * What the queue's jobs are about, as it lies in Redis: names, digests and references, never a secret, never bytes.
 * A release is a BullMQ flow: its own job waits for one stage after the other, each a child that the job adds.
 */
import type { JobsOptions } from 'bullmq';
import { z } from 'zod';
import { errorTable, MillinerError, type ErrorCode } from '../lib/errors/error.ts';
import { failureOf, maxFailureLength, type Failure } from '../lib/errors/wire.ts';
import type { Digest } from '../lib/oci/digest.ts';
import { courseSchema, type Built, type Locked, type Release, type Signed } from './claims.ts';
import { asQueueError } from './replies.ts';

/** What a release goes through; its report is the result of its own job. */
export const stages = ['lock', 'build', 'sign', 'publish'] as const;
export type Stage = (typeof stages)[number];

/** What a finished release gives. */
export interface Report extends Omit<Locked & Signed, 'request' | 'images'> {
  recipe: string;
  references: string[];
  images: Built[];
  /** ISO 8601. */
  queued: string;
  finished: string;
}

/** As a stage's job lies in the queue. */
export const stageSchema = z.strictObject({
  ...courseSchema.shape,
  release: z.string().regex(/^[\w.-]{1,200}$/),
  stage: z.enum(stages),
  arch: z.string().max(20).optional(),
  /** What the base's release has come to, if there was one to wait for. */
  base: courseSchema.optional(),
});
export type StageData = z.input<typeof stageSchema>;

/** As it is carried out: every claim in it was opened. */
export interface StageJob {
  release: string;
  /** Of its request: what all claims about the release name. */
  request: Digest;
  stage: Stage;
  arch?: string | undefined;
  /** Its bundle is the locked one, once there is one. */
  data: Release;
  /** What the base's release has given; it lies where that release's workers left it. */
  base?: {
    exchange: string | undefined;
    plainHttp: boolean;
    /** Its locks hold for a base that has none in this bundle. */
    bundle: Digest;
    /** For this architecture. */
    image: Built | undefined;
  };
  images: Built[];
}

export const releaseQueue = 'release';

/** Locks and builds go where the architecture is, signatures where the key is. */
export function queueOf(stage: Stage, { arch, key }: { arch?: string | undefined; key: string }): string {
  if (stage === 'lock' || stage === 'build') return `${stage}-${arch}`;
  return stage === 'sign' ? `sign-${key}` : stage;
}

function stageId(release: string, stage: Stage, arch?: string): string {
  return [release, stage, ...(arch === undefined ? [] : [arch])].join('.');
}

/** Every job that a release has, or will have. */
export function jobsOf(release: string, { arches, key }: Pick<Release, 'arches' | 'key'>) {
  return stages.flatMap((stage) =>
    (stage === 'build' ? arches : [undefined]).map((arch) => ({
      stage,
      arch,
      queue: queueOf(stage, { arch: arch ?? arches[0], key }),
      id: stageId(release, stage, arch),
    })),
  );
}

const day = 24 * 3600;

/** Bounds what finished jobs take in Redis. */
export const kept: JobsOptions = {
  removeOnComplete: { age: 30 * day, count: 2000 },
  removeOnFail: { age: 90 * day, count: 2000 },
  keepLogs: 1000,
  stackTraceLimit: 0,
};

/** What may pass is tried again, over about a minute besides what registries' clients already wait. */
export const persistent: JobsOptions = {
  ...kept,
  attempts: 6,
  backoff: { type: 'exponential', delay: 2000 },
};

/** The same of what Redis and BullMQ throw. */
export function jobFailureOf(error: unknown): Failure {
  return failureOf(error instanceof MillinerError ? error : (asQueueError(error) ?? error));
}

const failureSchema = z.object({
  code: z.string(),
  message: z.string().max(maxFailureLength),
  hint: z.string().max(maxFailureLength),
  details: z.record(z.string(), z.unknown()).optional(),
});

const isErrorCode = (code: string): code is ErrorCode => Object.hasOwn(errorTable, code);

/** A failure as a job keeps it; what BullMQ itself says is about workers that died. */
export function readFailure(text: string): Failure {
  try {
    const failure = failureSchema.parse(JSON.parse(text));
    const { code, message, hint, details } = failure;
    if (isErrorCode(code)) return { code, message, hint, ...(details && { details }) };
  } catch {
    // BullMQ's own words.
  }
  return failureOf(new MillinerError('WORKER_DIED', text));
}
