/** Reads an image from the store: its manifest and the blobs in it. */
import { z } from 'zod';
import { MillinerError } from '../../lib/errors/error.ts';
import { manifestType } from '../../lib/oci/descriptor.ts';
import { isDigest, type Digest } from '../../lib/oci/digest.ts';
import { manifestTypes } from '../../stages/image/foreign-image.ts';
import type { Context } from './context.ts';
import type { ImageRecord } from './image-records.ts';

const descriptor = z.object({
  mediaType: z.string(),
  digest: z.custom<Digest>((value) => typeof value === 'string' && /^sha256:[0-9a-f]{64}$/.test(value)),
  size: z.int().nonnegative(),
});
const manifestSchema = z.object({
  mediaType: z.enum(manifestTypes).default(manifestType),
  config: descriptor,
  layers: z.array(descriptor),
});
export type BlobDescriptor = z.infer<typeof descriptor>;

/** An image, ready to be pushed or exported. */
export interface StoredImage {
  name: string;
  digest: Digest;
  mediaType: string;
  manifest: Buffer;
  config: BlobDescriptor;
  /** Lowest first; each blob once. */
  layers: BlobDescriptor[];
  base: Digest | undefined;
  /** Digest of the lock that it was built from. */
  lock: Digest | undefined;
  /** Digest of what its recipe and bases say besides packages. */
  content: Digest | undefined;
  /** Seconds since 1970: creation time in the image's configuration. */
  epoch: number;
}

/**
 * The manifest decides which blobs belong to the image, not the record. Throws BLOB_MISSING, BLOB_CORRUPT,
 * STATE_INVALID.
 */
export async function readImage({ content }: Context, record: ImageRecord): Promise<StoredImage> {
  const digest = record.manifestDigest;
  const { manifest, mediaType, config, layers } = await readManifest(content, digest);
  const unique = [...new Map(layers.map((layer) => [layer.digest, layer])).values()];
  return {
    name: record.name,
    digest,
    mediaType,
    manifest,
    config,
    layers: unique,
    base: record.base,
    lock: isDigest(record.lockDigest) ? record.lockDigest : undefined,
    content: record.content,
    epoch: record.epoch,
  };
}

export async function readManifest(content: Context['content'], digest: Digest) {
  const chunks: Buffer[] = [];
  for await (const chunk of await content.openVerified(digest)) chunks.push(chunk as Buffer);
  const manifest = Buffer.concat(chunks);
  const parsed = manifestSchema.safeParse(JSON.parse(manifest.toString('utf8')));
  if (!parsed.success) throw new MillinerError('STATE_INVALID', `${digest} is not an image manifest`);
  return { manifest, ...parsed.data };
}
