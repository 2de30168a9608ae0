/**
 * What the queue's jobs are about, as it lies in Redis: names, digests and references, never a secret, never bytes.
 * A release is a BullMQ flow: its own job waits for one stage after the other, each a child that the job adds.
 */
import type { JobsOptions } from 'bullmq';
import { z } from 'zod';
import { isDigest, type Digest } from '../content/digest.ts';
import { errorTable, MillinerError, type ErrorCode } from '../errors.ts';
import { asQueueError } from './replies.ts';
import { layouts } from '../pipeline/verify.ts';

export const prefixVariable = 'MILLINER_REDIS_PREFIX';
/** Of all keys: releases under one prefix know nothing of those under another in the same Redis. */
export const prefix = process.env[prefixVariable] || 'milliner';
/** Whether keys can be taken apart again. */
export const isPrefix = (text: string): boolean => /^[\w.-]{1,64}$/.test(text);

/** What a release goes through; its report is the result of its own job. */
export const stages = ['lock', 'build', 'sign', 'publish'] as const;
export type Stage = (typeof stages)[number];

const digest = z.custom<Digest>((value) => typeof value === 'string' && isDigest(value));

const releaseSchema = z.object({
  version: z.literal(1),
  /** Rises with every release that is queued: tags never go back to a lower one. */
  number: z.int().positive(),
  recipe: z.string().min(1),
  /** Of the command that queued it, for logs. */
  run: z.string().min(1),
  /** The recipe with its bases, as one blob. */
  bundle: digest,
  arches: z.array(z.string().min(1)).min(1),
  key: z.object({ id: z.string().regex(/^[0-9a-f]{16}$/), path: z.string().min(1) }),
  /** REGISTRY/REPOSITORY:TAG; {{arch}} is left for the image. */
  to: z.array(z.string().min(1)).min(1),
  plainHttp: z.boolean(),
  /** The one layout of signatures, where it is not both. */
  only: z.enum(layouts).optional(),
  /** REGISTRY/REPOSITORY where workers leave blobs for each other; none where they share a state directory. */
  exchange: z.string().min(1).optional(),
  /** The release of its base, to be finished first. */
  base: z.string().min(1).optional(),
  priority: z.int().positive(),
});
export type Release = z.infer<typeof releaseSchema>;

/** What one architecture's build gives. */
export const builtSchema = z.object({
  arch: z.string(),
  manifestDigest: digest,
  /** Blobs: the records of its bases, lowest first, and its own. */
  records: z.array(digest).min(1),
  /** Blobs: its bills of materials, its verdict. */
  sboms: digest,
  verdict: digest,
  packages: z.int(),
  readySeconds: z.number().optional(),
});
export type Built = z.infer<typeof builtSchema>;

export interface LockResult {
  bundle: Digest;
  lockDigest: string;
}

export interface SignResult {
  signatures: string[];
  attestations: string[];
  uploadedBytes: number;
  mountedBlobs: number;
  skippedBlobs: number;
}

export interface PublishResult {
  references: string[];
}

/** What a finished release gives. */
export interface Report extends SignResult, PublishResult {
  recipe: string;
  lockDigest: string;
  bundle: Digest;
  images: Built[];
  /** ISO 8601. */
  queued: string;
  finished: string;
}

const stageSchema = z.object({
  release: z.string().min(1),
  stage: z.enum(stages),
  arch: z.string().optional(),
  data: releaseSchema,
  /** What the base's release has given, if there was one to wait for; it lies where that release's workers left it. */
  base: z
    .object({
      exchange: z.string().min(1).optional(),
      plainHttp: z.boolean(),
      /** Its locks hold for a base that has none in this bundle. */
      bundle: digest,
      /** For this architecture. */
      image: builtSchema.optional(),
    })
    .optional(),
  images: z.array(builtSchema).default([]),
});
export type StageJob = z.infer<typeof stageSchema>;

/** Throws RELEASE_FAILED for what another version of Milliner has put there. */
export function parseRelease(data: unknown): Release {
  return parse(releaseSchema, data);
}

export function parseStage(data: unknown): StageJob {
  return parse(stageSchema, data);
}

function parse<T>(schema: z.ZodType<T>, data: unknown): T {
  const parsed = schema.safeParse(data);
  if (parsed.success) return parsed.data;
  const { path, message } = parsed.error.issues[0]!;
  throw new MillinerError('RELEASE_FAILED', `a job has no such data: ${path.join('.')}: ${message}`, {
    hint: 'Another version of Milliner has queued it: release it again with this one.',
  });
}

/** What the image of one architecture is published as. */
export function referencesOf({ data: { to } }: StageJob, arch: string): string[] {
  return to.map((reference) => reference.replaceAll('{{arch}}', arch));
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
      queue: queueOf(stage, { arch: arch ?? arches[0], key: key.id }),
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

/** Characters: what one failure may take in Redis. */
const longestFailure = 16_384;

export interface Failure {
  code: ErrorCode;
  message: string;
  hint: string;
  details?: Record<string, unknown>;
}

export function failureOf(error: unknown): Failure {
  const known =
    error instanceof MillinerError
      ? error
      : (asQueueError(error) ??
        new MillinerError('INTERNAL', error instanceof Error ? error.message : String(error)));
  const { code, hint, details } = known;
  const message = known.message.slice(0, longestFailure / 2);
  const fits = JSON.stringify(details).length < longestFailure / 2 && Object.keys(details).length > 0;
  return { code, message, hint, ...(fits && { details }) };
}

/** The error again. */
export function revived({ code, message, hint, details }: Failure): MillinerError {
  return new MillinerError(code, message, { hint, ...(details && { details }) });
}

/** A failure as a job keeps it; what BullMQ itself says is about workers that died. */
export function readFailure(text: string): Failure {
  try {
    const failure = JSON.parse(text) as Failure;
    if (failure.code in errorTable) return failure;
  } catch {
    // BullMQ's own words.
  }
  return failureOf(new MillinerError('WORKER_DIED', text));
}
