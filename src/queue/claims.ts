/**
 * The claims that make up a release: a request, then what was locked, what was built and booted, what was signed, and
 * what was published. The machine that makes a claim seals it, and each machine that continues the release opens it.
 * Every claim has the digest of the request.
 */
import { z } from 'zod';
import { arches } from '../lib/host/arch.ts';
import type { Digest } from '../lib/oci/digest.ts';
import { maxManifestBytes } from '../lib/oci/descriptor.ts';
import { digestSchema } from '../pipeline/state/received.ts';
import { bootCounts } from '../pipeline/state/received-evidence.ts';
import { layouts } from '../pipeline/trust/fetch-signatures.ts';
import { maxRetries } from '../stages/recipe/schema.ts';
import { signedDigests, tagsOf } from './release-tags.ts';
import { forged, peek, sealedSchema, type Claim, type Machines, type Sealed } from './sealed.ts';

const arch = z.enum(arches);
const recipeName = z.string().regex(/^[A-Za-z0-9._-]{1,128}$/);
const reference = z.string().min(1).max(1000);
const count = z.int().min(0);
/** Characters: more than RSA with 4096 bits needs, which is the longest key that is accepted. */
const maxPublicKeyLength = 2000;

const releaseSchema = z.strictObject({
  version: z.literal(2),
  /** Milliseconds since 1970. A tag never goes back to an earlier request. */
  at: z.int().positive(),
  recipe: recipeName,
  /** Id of the command that queued the release, for logs. */
  run: z.uuid(),
  /** The recipe with its bases, as one blob. */
  bundle: digestSchema,
  arches: z.array(arch).min(1).max(arches.length),
  /** Id of the private key. The worker that signs knows its path. */
  key: z.string().regex(/^[0-9a-f]{16}$/),
  /** REGISTRY/REPOSITORY:TAG. A worker fills in {{arch}} for each image; without it, a tag names all of them. */
  to: z.array(reference).min(1).max(1000),
  plainHttp: z.boolean(),
  /** The one layout of signatures to write; both where it is absent. */
  only: z.enum(layouts).optional(),
  /** REGISTRY/REPOSITORY where workers exchange blobs; absent where they share a state directory. */
  exchange: reference.optional(),
  /** The release of the base, which must finish first, and the digest of its request. */
  base: z.strictObject({ release: z.string().min(1).max(200), request: digestSchema }).optional(),
  priority: z.int().positive(),
});
export type Release = z.infer<typeof releaseSchema>;

/** The result of a build for one architecture. */
const imageSchema = z.strictObject({
  arch,
  manifestDigest: digestSchema,
  /** Bytes: with them the index of all architectures can be computed. */
  manifestSize: z.int().positive().max(maxManifestBytes),
  /** Whether one of its layers is compressed with zstd, which the index says. */
  hasZstd: z.boolean(),
  /** Blobs: the records of its bases, lowest first, and its own. */
  records: z.array(digestSchema).min(1).max(100),
  /** Blobs: its bills of materials, its verdict. */
  sboms: digestSchema,
  verdict: digestSchema,
  packages: count,
  readySeconds: z.number().min(0).optional(),
  /** How often it was booted again before it passed; absent where the first boot did. */
  retries: z.int().min(1).max(maxRetries).optional(),
  /** The last boots of the recipe on the machine that built it. */
  history: bootCounts.optional(),
});
export type Built = z.infer<typeof imageSchema>;

const about = { request: digestSchema };
const lockedSchema = z.strictObject({ ...about, bundle: digestSchema, lockDigest: digestSchema });
const builtSchema = z.strictObject({ ...about, bundle: digestSchema, image: imageSchema });
const signedSchema = z.strictObject({
  ...about,
  /** And of their index, if a tag names one. */
  images: z.array(digestSchema).min(1),
  /** In PEM: the publish stage has no private key, and verifies with this one whether a tag is held. */
  publicKey: z.string().max(maxPublicKeyLength),
  signatures: z.array(reference),
  attestations: z.array(reference),
  uploadedBytes: count,
  mountedBlobs: count,
  skippedBlobs: count,
});
const publishedSchema = z.strictObject({
  ...about,
  tags: z.array(z.strictObject({ reference, manifestDigest: digestSchema })).min(1),
  finished: z.iso.datetime(),
});

export const claims = {
  request: { name: 'request', right: 'submit', schema: releaseSchema },
  locked: { name: 'lock', right: 'build', schema: lockedSchema },
  built: { name: 'build', right: 'build', schema: builtSchema },
  signed: { name: 'signature', right: 'sign', schema: signedSchema },
  published: { name: 'publication', right: 'sign', schema: publishedSchema },
} as const satisfies Record<string, Claim<unknown>>;

export type Locked = z.infer<typeof lockedSchema>;
export type Signed = z.infer<typeof signedSchema>;
export type Published = z.infer<typeof publishedSchema>;

/** The claims of a release so far, sealed, as they are stored in the queue. */
export const courseSchema = z.strictObject({
  request: sealedSchema,
  locked: sealedSchema.optional(),
  built: z.array(sealedSchema).max(arches.length).default([]),
  signed: sealedSchema.optional(),
  published: sealedSchema.optional(),
});
export type Course = z.infer<typeof courseSchema>;

/**
 * The same claims, opened: an enrolled machine with the right to make it sealed each one, and each is about this
 * request.
 */
export interface OpenedCourse {
  release: Release;
  /** Id of the machine that has sealed the request. */
  submitter: string;
  request: Digest;
  locked?: Locked;
  built: Built[];
  signed?: Signed;
  published?: Published;
}

/** Throws QUEUE_FORGED, MACHINE_UNKNOWN, RELEASE_FAILED. */
export async function openCourse(machines: Machines, course: Course): Promise<OpenedCourse> {
  const { body: release, digest: request, by } = await machines.open(claims.request, course.request);
  const opened: OpenedCourse = { release, submitter: by.id, request, built: [] };
  const open = async <T extends { request: Digest }>(claim: Claim<T>, sealed: Sealed): Promise<T> => {
    const { body } = await machines.open(claim, sealed);
    if (body.request !== request) throw forged(claim, 'it is about another request');
    return body;
  };
  if (course.locked) opened.locked = await open(claims.locked, course.locked);
  for (const sealed of course.built) {
    const { bundle, image } = await open(claims.built, sealed);
    if (bundle !== opened.locked?.bundle) throw forged(claims.built, 'it is of another lock');
    if (!release.arches.includes(image.arch))
      throw forged(claims.built, `the request does not ask for ${image.arch}`);
    if (opened.built.some((one) => one.arch === image.arch)) {
      throw forged(claims.built, `there are two images of ${image.arch}`);
    }
    opened.built.push(image);
  }
  if (course.signed) {
    opened.signed = await open(claims.signed, course.signed);
    requireWhole(opened);
    requireSame(claims.signed, signedDigests(release, opened.built), opened.signed.images);
  }
  if (course.published) {
    opened.published = await open(claims.published, course.published);
    if (!opened.signed) throw forged(claims.published, 'its images are not signed');
    const wanted = tagsOf(release, opened.built);
    requireSame(claims.published, wanted.map(tagLine), opened.published.tags.map(tagLine));
  }
  return opened;
}

/** Requires an image for every architecture of the request. Throws QUEUE_FORGED. */
export function requireWhole({ release, built }: OpenedCourse): void {
  const missing = release.arches.find((one) => !built.some((image) => image.arch === one));
  if (missing !== undefined) throw forged(claims.built, `the image of ${missing} is missing`);
}

const tagLine = ({ reference: one, manifestDigest }: { reference: string; manifestDigest: string }) =>
  `${one} ${manifestDigest}`;

function requireSame(claim: { name: string }, wanted: readonly string[], given: readonly string[]): void {
  const isSame = new Set(wanted).size === new Set(given).size && wanted.every((one) => given.includes(one));
  if (!isSame) throw forged(claim, 'it names other images than those that were built');
}

/** Reads a request without verifying its seal: to find its jobs and to show it. Throws QUEUE_FORGED, RELEASE_FAILED. */
export function peekRelease(data: unknown): Release {
  return peekRequest(data).body;
}

export function peekRequest(data: unknown): { body: Release; digest: Digest } {
  return peek(claims.request, (data as { request?: unknown } | undefined)?.request);
}
