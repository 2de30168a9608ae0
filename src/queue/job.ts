/**
 * The data of the queue's jobs as Redis stores it: names, digests and references, never a secret and never file
 * contents. A release is a BullMQ flow: its own job adds one stage after the other as a child and waits for it.
 */
import type { JobsOptions } from 'bullmq';
import { z } from 'zod';
import { errorTable, MillinerError, type ErrorCode } from '../lib/errors/error.ts';
import { failureOf, maxFailureLength, type Failure } from '../lib/errors/wire.ts';
import type { Digest } from '../lib/oci/digest.ts';
import {
  courseSchema,
  type Built,
  type Locked,
  type Published,
  type Release,
  type Signed,
} from './claims.ts';
import { asQueueError } from './replies.ts';

/** The stages of a release in order. The result of the release's own job is the report. */
const stages = ['lock', 'build', 'sign', 'publish'] as const;
export type Stage = (typeof stages)[number];

/** The result of a finished release. */
export interface Report extends Omit<Locked & Signed, 'request' | 'images' | 'publicKey'> {
  recipe: string;
  references: string[];
  /** The same, each with the digest of the image or index that it names. */
  tags: Published['tags'];
  images: Built[];
  /** ISO 8601. */
  queued: string;
  finished: string;
}

/** The data of a stage's job as it is stored in the queue. */
export const stageSchema = z.strictObject({
  ...courseSchema.shape,
  release: z.string().regex(/^[\w.-]{1,200}$/),
  stage: z.enum(stages),
  arch: z.string().max(20).optional(),
  /** The claims of the base's release, if there was one to wait for. */
  base: courseSchema.optional(),
});
export type StageData = z.input<typeof stageSchema>;

/** The data of a stage's job with every claim opened. */
export interface StageJob {
  release: string;
  /** Id of the machine whose request it is. */
  submitter: string;
  /** Digest of the request, which all claims about the release have. */
  request: Digest;
  stage: Stage;
  arch?: string | undefined;
  /** The request. Once the recipe is locked, its bundle is the locked one. */
  data: Release;
  /** The result of the base's release, and where its workers stored it. */
  base?: {
    exchange: string | undefined;
    plainHttp: boolean;
    /** The base's locks, for a base that has no lock in this bundle. */
    bundle: Digest;
    /** The image of the base for this architecture. */
    image: Built | undefined;
  };
  images: Built[];
  /** The key that has signed the images, in PEM; for the publish stage. */
  publicKey?: string | undefined;
}

export const releaseQueue = 'release';

/** Locks and builds go to a worker of the architecture, signatures to a worker that has the key. */
export function queueOf(stage: Stage, { arch, key }: { arch?: string | undefined; key: string }): string {
  if (stage === 'lock' || stage === 'build') return `${stage}-${arch}`;
  return stage === 'sign' ? `sign-${key}` : stage;
}

function stageId(release: string, stage: Stage, arch?: string): string {
  return [release, stage, ...(arch === undefined ? [] : [arch])].join('.');
}

/** All jobs of a release, also those that are not queued yet. */
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

/** Limits the space that finished jobs take in Redis. */
export const retention: JobsOptions = {
  removeOnComplete: { age: 30 * day, count: 2000 },
  removeOnFail: { age: 90 * day, count: 2000 },
  keepLogs: 1000,
  stackTraceLimit: 0,
};

/** Retries what may pass: over about a minute, besides the retries of the registry client. */
export const retryOptions: JobsOptions = {
  ...retention,
  attempts: 6,
  backoff: { type: 'exponential', delay: 2000 },
};

/** An error as data, with Redis and BullMQ errors translated. */
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

/** Reads the failure of a job. A text that is not ours is BullMQ's, about workers that died. */
export function readFailure(text: string): Failure {
  try {
    const failure = failureSchema.parse(JSON.parse(text));
    const { code, message, hint, details } = failure;
    if (isErrorCode(code)) return { code, message, hint, ...(details && { details }) };
  } catch {
    // Not JSON: BullMQ's own text.
  }
  return failureOf(new MillinerError('WORKER_DIED', text));
}
