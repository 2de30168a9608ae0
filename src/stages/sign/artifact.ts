/**
 * Artifacts attached to an image in a registry: OCI manifests with their blobs (OCI image specification 1.1,
 * manifest.md).
 */
import { z } from 'zod';
import { MillinerError } from '../../lib/errors/error.ts';
import { manifestType, type Descriptor } from '../../lib/oci/descriptor.ts';
import { isDigest, sha256Of, type Digest } from '../../lib/oci/digest.ts';
import { readJson, type Refuse } from './untrusted-json.ts';

/** A manifest with its blobs by digest: to be pushed before it, or fetched with it. */
export interface Fetched {
  manifest: Buffer;
  blobs: ReadonlyMap<string, Buffer>;
}

export interface Artifact extends Fetched {
  /** Descriptor of the manifest, with the annotations that a list of referrers shows. */
  descriptor: Descriptor;
}

const digestSchema = z.custom<Digest>(isDigest, { error: 'is not a sha256 digest' });

/** Some clients write null for an absent value. */
const annotationsSchema = z
  .record(z.string(), z.string())
  .nullish()
  .transform((annotations) => annotations ?? undefined);

const descriptorSchema = z.object({
  mediaType: z.string(),
  digest: digestSchema,
  size: z.int().nonnegative(),
  annotations: annotationsSchema,
});

/** More signatures than any image has. Other users can add some, and all of them are fetched and read. */
export const maxLayers = 1000;

const manifestSchema = z.object({
  schemaVersion: z.literal(2),
  artifactType: z.string().optional(),
  annotations: annotationsSchema,
  /** Proves nothing, so a malformed one is not refused. A copy of the manifest needs its blob. */
  config: descriptorSchema.optional().catch(undefined),
  layers: z.array(descriptorSchema).max(maxLayers),
});

export type AttachedManifest = z.output<typeof manifestSchema>;

/** Throws IMAGE_ALTERED. */
export function readManifest(manifest: Uint8Array, name: string): AttachedManifest {
  return readJson(manifest, manifestSchema, refuseAltered(name));
}

/** A layer's blob, verified against its descriptor. Throws IMAGE_ALTERED. */
export function blobOf({ blobs }: Fetched, { digest, size }: Descriptor, name: string): Buffer {
  const bytes = blobs.get(digest);
  if (!bytes) throw refuseAltered(name)(`lacks its blob ${digest}`);
  if (bytes.length !== size || sha256Of(bytes) !== digest) {
    throw refuseAltered(name)(`holds bytes that do not have its digest ${digest}`);
  }
  return bytes;
}

export function refuseAltered(name: string): Refuse {
  return (what) => new MillinerError('IMAGE_ALTERED', `${name} ${what}`);
}

export interface ManifestInput {
  artifactType?: string;
  config: { mediaType: string; bytes: Buffer };
  layers: { descriptor: Descriptor; bytes?: Buffer | undefined }[];
  subject?: Descriptor;
  annotations?: Record<string, string>;
}

export function makeArtifact({
  artifactType,
  config,
  layers,
  subject,
  annotations,
}: ManifestInput): Artifact {
  const manifest = toJson({
    schemaVersion: 2,
    mediaType: manifestType,
    artifactType,
    config: describe(config.mediaType, config.bytes),
    layers: layers.map(({ descriptor }) => descriptor),
    subject,
    annotations,
  });
  const blobs = new Map<string, Buffer>([[sha256Of(config.bytes), config.bytes]]);
  for (const { descriptor, bytes } of layers) if (bytes) blobs.set(descriptor.digest, bytes);
  return {
    descriptor: {
      ...describe(manifestType, manifest),
      ...(artifactType !== undefined && { artifactType }),
      ...(annotations && { annotations }),
    },
    manifest,
    blobs,
  };
}

export function describe(mediaType: string, bytes: Buffer, annotations?: Record<string, string>): Descriptor {
  return { mediaType, digest: sha256Of(bytes), size: bytes.length, ...(annotations && { annotations }) };
}

export function toJson(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value), 'utf8');
}

/** RFC 3339, to the second. */
export function isoTime(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace('.000Z', 'Z');
}
