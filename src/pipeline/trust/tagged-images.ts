/** The tags of a repository, and the images that each names: the image itself, or those of an index. */
import { z } from 'zod';
import { MillinerError } from '../../lib/errors/error.ts';
import { inParallel } from '../../lib/host/parallel.ts';
import type { Progress } from '../../lib/host/progress.ts';
import { indexType } from '../../lib/oci/descriptor.ts';
import { isDigest, type Digest } from '../../lib/oci/digest.ts';
import { ReadBudget } from '../../lib/registry/budget.ts';
import type { RegistryClient } from '../../lib/registry/client.ts';
import type { Manifest } from '../../lib/registry/manifests.ts';
import { attachedTo, isDerivedTag } from '../../stages/sign/attachment.ts';
import type { Repository } from './repositories-by-name.ts';

/** Enough to wait for many answers at once, and few enough for the rate limits of registries. */
export const parallelRequests = 8;

export interface TaggedImage {
  tag: string;
  digest: Digest;
  manifest: Manifest;
  /** The images of an index, and indexes in it, each before its own. */
  children: IndexChild[];
}

interface IndexChild {
  digest: Digest;
  mediaType: string;
  platform?: { architecture: string; variant?: string | null | undefined } | null | undefined;
}

export interface RepositoryTags {
  images: TaggedImage[];
  /** Tags of signatures and other attachments, by the image that they are about. */
  attachments: Map<Digest, string[]>;
  /** All tags that are derived from digests: attachments, histories of tags, and what other clients derive. */
  derived: string[];
}

const indexTypes = [indexType, 'application/vnd.docker.distribution.manifest.list.v2+json'];
const indexSchema = z.object({
  manifests: z
    .array(
      z.object({
        digest: z.string(),
        mediaType: z.string().default(''),
        platform: z
          .object({ architecture: z.string(), variant: z.string().nullish() })
          .nullish()
          .catch(undefined),
      }),
    )
    .max(1000),
});
/** An index in an index is allowed, and rare. */
const maxDepth = 3;
/** Bytes: the manifest of a tag, and the indexes below it. */
const maxBytes = 64 * 1024 * 1024;

/**
 * Reads all tags, each from the registry itself. A tag that is listed without a manifest is reported and skipped. Throws
 * IMAGE_UNPUBLISHED if there is no such repository, and what registries throw.
 */
export async function readTags(
  { client, name, repository }: Repository,
  { progress, signal }: { progress: Progress; signal?: AbortSignal | undefined },
): Promise<RepositoryTags> {
  const tags = await client.listTags(repository);
  if (!tags) {
    throw new MillinerError('IMAGE_UNPUBLISHED', `${client.registry} has no repository ${repository}`, {
      details: { repository: name },
    });
  }
  const attachments = new Map<Digest, string[]>();
  for (const tag of tags) {
    const subject = attachedTo(tag);
    if (subject) attachments.set(subject, [...(attachments.get(subject) ?? []), tag]);
  }
  const own = tags.filter((tag) => !isDerivedTag(tag));
  let done = 0;
  const images = await inParallel(own, parallelRequests, signal, async (tag, within) => {
    const image = await readTag({ client: client.under(within), name, repository }, tag);
    progress.update(`reading the tags of ${name}`, ++done, own.length);
    if (!image) progress.warn(`${name} lists the tag ${tag}, and has no image of it`);
    return image;
  });
  const derived = tags.filter(isDerivedTag);
  return { images: images.filter((image) => image !== undefined), attachments, derived };
}

/** Undefined if there is no such tag. Throws REGISTRY_INVALID, and what registries throw. */
export async function readTag(
  { client, name, repository }: Repository,
  tag: string,
): Promise<TaggedImage | undefined> {
  const reader = client.within(new ReadBudget(maxBytes, `the tag ${tag} of ${name} has`));
  const manifest = await reader.getManifest(repository, tag);
  if (!manifest) return undefined;
  const children = await childrenOf(reader, repository, manifest, maxDepth);
  return { tag, digest: manifest.digest, manifest, children };
}

/** Throws REGISTRY_INVALID for an index that cannot be read: what it names could be deleted otherwise. */
async function childrenOf(
  client: RegistryClient,
  repository: string,
  { bytes, mediaType, digest }: Manifest,
  depth: number,
): Promise<IndexChild[]> {
  if (!indexTypes.includes(mediaType)) return [];
  const found = parseIndex(bytes);
  if (!found || depth === 0) {
    throw new MillinerError('REGISTRY_INVALID', `the index ${digest} in ${repository} cannot be read`, {
      details: { repository, index: digest },
    });
  }
  const children: IndexChild[] = [];
  for (const child of found) {
    children.push(child);
    if (!indexTypes.includes(child.mediaType)) continue;
    const manifest = await client.getManifest(repository, child.digest);
    if (manifest) children.push(...(await childrenOf(client, repository, manifest, depth - 1)));
  }
  return children;
}

/** Entries with another digest algorithm are skipped, because nothing is ever deleted by such a digest. */
function parseIndex(bytes: Buffer): IndexChild[] | undefined {
  try {
    const { manifests } = indexSchema.parse(JSON.parse(bytes.toString('utf8')));
    return manifests.flatMap(({ digest, ...child }) => (isDigest(digest) ? [{ ...child, digest }] : []));
  } catch {
    return undefined;
  }
}
