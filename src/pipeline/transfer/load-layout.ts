/** Takes the images of an OCI image layout into this state. */
import { open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { hostArch } from '../../lib/host/arch.ts';
import { manifestType } from '../../lib/oci/descriptor.ts';
import { hexOf, isDigest, type Digest } from '../../lib/oci/digest.ts';
import { chooseManifest, readConfig, readManifest } from '../../stages/image/foreign-image.ts';
import { describeTree } from '../base/describe-tree.ts';
import { unpackChain } from '../base/unpack-layers.ts';
import type { Context } from '../state/context.ts';
import type { ImageRecord } from '../state/image-records.ts';
import { recordForeign } from './foreign-record.ts';
import { invalid } from './oci-archive.ts';

const maxDocumentBytes = 8 * 1024 * 1024;
const refName = 'org.opencontainers.image.ref.name';
const digest = z.custom<Digest>((value) => typeof value === 'string' && isDigest(value));
const indexSchema = z.object({
  manifests: z
    .array(
      z.object({
        mediaType: z.string(),
        digest,
        annotations: z.record(z.string(), z.string()).optional(),
      }),
    )
    .min(1)
    .max(1000),
});

export interface LoadRequest {
  /** How messages name the layout. */
  from: string;
  /** Instead of the name in the layout. */
  name?: string | undefined;
  /** The only digest that is taken. */
  digest?: string | undefined;
  arch?: string | undefined;
}

/** Each blob is checked against its digest. Throws ARCHIVE_INVALID, DIGEST_MISMATCH, BASE_INVALID, LAYER_INVALID. */
export async function loadLayout(
  context: Context,
  directory: string,
  { from, name, digest: wanted, arch = hostArch() }: LoadRequest,
): Promise<ImageRecord[]> {
  const { manifests } = parseIndex(from, await readBounded(join(directory, 'index.json'), from));
  const chosen = manifests.filter((one) => wanted === undefined || one.digest === wanted);
  if (chosen.length === 0) throw invalid(from, `it has no image ${wanted}, but ${manifests[0]!.digest}`);
  if (name !== undefined && chosen.length > 1)
    throw invalid(from, 'it has several images, and one name was given');
  return context.content.lease(async () => {
    const records: ImageRecord[] = [];
    for (const entry of chosen) {
      const found = name ?? entry.annotations?.[refName];
      if (found === undefined) throw invalid(from, `it has no name for ${entry.digest}: give it with --name`);
      records.push(await loadImage(context, directory, { ...entry, name: found, arch, from }));
    }
    return records;
  });
}

interface Entry {
  mediaType: string;
  digest: Digest;
  name: string;
  arch: string;
  from: string;
}

async function loadImage(
  context: Context,
  directory: string,
  { mediaType, digest: top, name, arch, from }: Entry,
): Promise<ImageRecord> {
  const first = await readBlob(context, directory, top, from);
  const manifestDigest = chooseManifest(name, mediaType, first, arch) ?? top;
  const manifest = manifestDigest === top ? first : await readBlob(context, directory, manifestDigest, from);
  // What is chosen from an index has the type of an image.
  const described = readManifest(name, manifestDigest === top ? mediaType : manifestType, manifest);
  const config = await readBlob(context, directory, described.config.digest, from);
  const { created, ...image } = readConfig(name, described, config, arch);
  for (const layer of image.layers)
    await context.content.ingestFile(blobPath(directory, layer.digest as Digest), {
      digest: layer.digest as Digest,
    });
  const snapshot = await unpackChain(context, name, image.layers);
  const { newest, ...tree } = await describeTree(context, { name, snapshot });
  const identity = { name, arch, manifestDigest, configDigest: described.config.digest };
  const epoch = Math.max(created, newest);
  return recordForeign(
    context,
    { ...image, ...identity, ...tree, snapshot, epoch },
    { kind: 'pulled', signedBy: [] },
  );
}

const blobPath = (directory: string, one: Digest) => join(directory, 'blobs', 'sha256', hexOf(one));

async function readBlob(context: Context, directory: string, one: Digest, from: string): Promise<Buffer> {
  const path = blobPath(directory, one);
  const bytes = await readBounded(path, from);
  await context.content.ingestFile(path, { digest: one });
  return bytes;
}

async function readBounded(path: string, from: string): Promise<Buffer> {
  const { size } = await stat(path).catch((cause: unknown) => {
    throw invalid(from, `it lacks ${path.split('/').slice(-1)[0]}`, cause);
  });
  if (size > maxDocumentBytes) throw invalid(from, 'an index, manifest or configuration in it is too large');
  await using handle = await open(path, 'r');
  return handle.readFile();
}

function parseIndex(from: string, bytes: Buffer): z.output<typeof indexSchema> {
  try {
    return indexSchema.parse(JSON.parse(bytes.toString('utf8')));
  } catch (cause) {
    throw invalid(from, 'its index.json is malformed', cause);
  }
}
