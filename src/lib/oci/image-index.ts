/**
 * Indexes of the images of one recipe, one for each architecture (OCI image specification 1.1, image-index.md). The
 * same images give the same bytes. An index from a registry is read strictly: it has the form that is written here.
 */
import { z } from 'zod';
import { MillinerError } from '../errors/error.ts';
import { indexType, manifestType, maxManifestBytes } from './descriptor.ts';
import { isDigest, sha256Of, type Digest } from './digest.ts';

/** There are a dozen architectures in use. */
const maxImages = 32;
/** An image has some 250 bytes in an index. */
const maxIndexBytes = 65_536;

/**
 * containers/image writes it beside each image with zstd layers, in this place among the fields. Where it is missing,
 * `skopeo copy --all` would have to change the index, and refuses to, because that would invalidate its signatures.
 */
export const zstdAnnotation = 'io.github.containers.compression.zstd';

const word = z.string().regex(/^[a-z0-9_.-]{1,32}$/);
const imageSchema = z.strictObject({
  mediaType: z.literal(manifestType),
  digest: z.custom<Digest>(isDigest, { error: 'is not a sha256 digest' }),
  size: z.int().positive().max(maxManifestBytes),
  annotations: z.strictObject({ [zstdAnnotation]: z.literal('true') }).exactOptional(),
  platform: z.strictObject({
    architecture: word,
    os: z.literal('linux'),
    variant: word.exactOptional(),
  }),
});
const indexSchema = z.strictObject({
  schemaVersion: z.literal(2),
  mediaType: z.literal(indexType),
  manifests: z.array(imageSchema).min(1).max(maxImages),
});

export type IndexedImage = z.output<typeof imageSchema>;

export interface ImageIndex {
  mediaType: string;
  digest: Digest;
  bytes: Buffer;
}

/** In the order of the platforms, whatever the given one. Throws INDEX_INVALID. */
export function makeImageIndex(images: readonly IndexedImage[]): ImageIndex {
  const manifests = images.toSorted((a, b) => (platformKey(a) < platformKey(b) ? -1 : 1));
  const index = parse('the index', { schemaVersion: 2, mediaType: indexType, manifests });
  const bytes = bytesOf(index);
  return { mediaType: indexType, digest: sha256Of(bytes), bytes };
}

/** The images of an index that was fetched. Throws INDEX_INVALID. */
export function readImageIndex(name: string, bytes: Buffer): IndexedImage[] {
  if (bytes.length > maxIndexBytes) throw invalidIndex(name, `it has ${bytes.length} bytes`);
  const index = parse(name, jsonOf(bytes));
  // Of a field that is there twice, clients in Go merge the two values, and would pick another image.
  if (!bytes.equals(bytesOf(index)))
    throw invalidIndex(name, 'it is not written as Milliner writes an index');
  return index.manifests;
}

function bytesOf(index: z.output<typeof indexSchema>): Buffer {
  return Buffer.from(JSON.stringify(index), 'utf8');
}

function parse(name: string, value: unknown): z.output<typeof indexSchema> {
  const { data, error } = indexSchema.safeParse(value);
  if (!data) {
    const { path, message } = error.issues[0]!;
    throw invalidIndex(name, [...path, message].join(': '));
  }
  // A client picks one of two by its own rule, and the other one would be published unseen.
  for (const key of [platformKey, ({ digest }: IndexedImage) => digest]) {
    const twice = repeated(data.manifests.map(key));
    if (twice !== undefined) throw invalidIndex(name, `it names ${twice} twice`);
  }
  return data;
}

function platformKey({ platform: { os, architecture, variant } }: IndexedImage): string {
  return [os, architecture, ...(variant === undefined ? [] : [variant])].join('/');
}

function repeated(values: readonly string[]): string | undefined {
  return values.find((value, index) => values.indexOf(value) !== index);
}

function jsonOf(bytes: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return undefined;
  }
}

export function invalidIndex(name: string, reason: string): MillinerError {
  return new MillinerError('INDEX_INVALID', `${name}: ${reason}`, { details: { index: name } });
}
