/**
 * Manifests that refer to another one, by the Referrers API. If a registry lacks it, clients keep an index at the tag
 * `sha256-HEX` (OCI distribution specification, "Listing Referrers", "Referrers Tag Schema").
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { indexType, maxManifestBytes, type Descriptor } from '../oci/descriptor.ts';
import { isDigest, tagOf, type Digest } from '../oci/digest.ts';
import { excess } from './budget.ts';
import { nextOf } from './list-tags.ts';
import { findManifest, putManifest } from './manifests.ts';
import type { Transport } from './transport.ts';

const descriptorSchema = z.looseObject({
  mediaType: z.string(),
  digest: z.string(),
  size: z.number().int().nonnegative(),
  // Some registries write null for an absent type.
  artifactType: z.string().nullish(),
  annotations: z.record(z.string(), z.string()).nullish(),
});
const indexSchema = z.looseObject({
  schemaVersion: z.literal(2),
  mediaType: z.literal(indexType).optional(),
  manifests: z.array(descriptorSchema),
});
type Index = z.infer<typeof indexSchema>;

/** Statuses for an unknown path. A user who may not read at all gets the error when the tag is read. */
const withoutApi = [400, 401, 403, 404, 405, 501];
const maxPages = 50;
/** How often an index is written again after another writer has overwritten it. */
const maxWrites = 10;

/** All referrers, in the registry's order; empty if it lists none. Throws REGISTRY_EXCESS. */
export async function referrers(
  transport: Transport,
  repository: string,
  subject: Digest,
): Promise<Descriptor[]> {
  const fromRegistry = await fromApi(transport, repository, subject);
  const listed =
    fromRegistry ?? descriptors((await fallbackIndex(transport, repository, subject)) ?? emptyIndex());
  if (transport.reads) transport.reads.referrers[subject] = listed.map(({ digest }) => digest);
  return listed;
}

export interface Referrer {
  descriptor: Descriptor;
  /** Removed from the index. A registry that keeps the list itself cannot remove entries. */
  superseded?: readonly Digest[];
}

/**
 * Lists pushed manifests as referrers of their subject. The OCI-Subject header is not trusted: the call is done when
 * the registry lists them. All are written in one request, because some registries allow a tag to be written only once.
 * Callers with the same subject must take turns. If another client overwrites the index, lost entries are written
 * again, and those of the client are kept.
 */
export async function addReferrers(
  transport: Transport,
  repository: string,
  subject: Digest,
  added: readonly Referrer[],
): Promise<void> {
  const listed = new Set((await fromApi(transport, repository, subject))?.map(({ digest }) => digest));
  const unlisted = added.filter(({ descriptor }) => !listed.has(descriptor.digest));
  for (let attempt = 0; unlisted.length > 0 && attempt < maxWrites; attempt++) {
    const index = (await indexToChange(transport, repository, subject)) ?? emptyIndex();
    const wanted = unlisted.reduce(withEntry, index);
    if (canonical(wanted.manifests) === canonical(index.manifests)) return;
    if (attempt > 0) await sleep(Math.random() * 100 * attempt);
    const bytes = Buffer.from(JSON.stringify(wanted));
    await putManifest(transport, repository, tagOf(subject), bytes, indexType);
  }
  if (unlisted.length === 0) return;
  throw transport.invalid(`${transport.registry} does not keep the referrers of ${subject}`, { repository });
}

/** Undefined if the registry lacks the API, which only a request can show. */
async function fromApi(
  transport: Transport,
  repository: string,
  subject: Digest,
): Promise<Descriptor[] | undefined> {
  const all: Descriptor[] = [];
  let url: string | URL | undefined = `/v2/${repository}/referrers/${subject}`;
  for (let page = 0; url !== undefined; page++) {
    if (page === maxPages)
      throw excess(`${transport.registry} lists referrers on more than ${maxPages} pages`);
    const answer: Page | undefined = await readPage(transport, repository, url);
    if (!answer) return undefined;
    all.push(...descriptors(answer.index));
    url = answer.next;
  }
  return all;
}

interface Page {
  index: Index;
  next: URL | undefined;
}

async function readPage(
  transport: Transport,
  repository: string,
  url: string | URL,
): Promise<Page | undefined> {
  const ask = {
    method: 'GET' as const,
    url,
    repository,
    access: 'pull' as const,
    expect: [200, ...withoutApi],
    headers: { accept: indexType },
  };
  return transport.ask(ask, async (response) => {
    const bytes = await transport.read(response, maxManifestBytes);
    // A web page instead of an index: the registry takes the path for something else.
    if (response.statusCode !== 200 || !isIndex(response.headers['content-type'])) return undefined;
    return {
      index: parseIndex(transport, bytes),
      next: nextOf(transport, response.headers['link'], url),
    };
  });
}

/** A manifest that is not an index lists no referrers ("Listing Referrers"). */
async function fallbackIndex(
  transport: Transport,
  repository: string,
  subject: Digest,
): Promise<Index | undefined> {
  const found = await findManifest(transport, repository, tagOf(subject));
  return found?.mediaType === indexType ? parseIndex(transport, found.bytes) : undefined;
}

/**
 * GitLab returns the subject itself for the tag. Any other manifest there belongs to another client and must not be
 * overwritten.
 */
async function indexToChange(
  transport: Transport,
  repository: string,
  subject: Digest,
): Promise<Index | undefined> {
  const found = await findManifest(transport, repository, tagOf(subject));
  return found === undefined || found.digest === subject ? undefined : parseIndex(transport, found.bytes);
}

function parseIndex(transport: Transport, bytes: Buffer): Index {
  try {
    const index = indexSchema.parse(JSON.parse(bytes.toString('utf8')));
    // Throws if the index is nested too deeply to be written again.
    canonical(index);
    return index;
  } catch {
    throw transport.invalid(
      `${transport.registry} has something other than an index as its list of referrers`,
    );
  }
}

/** Entries with another digest algorithm stay in the index, but cannot be used. */
function descriptors(index: Index): Descriptor[] {
  return index.manifests.flatMap(({ mediaType, digest, size, artifactType, annotations }) =>
    isDigest(digest)
      ? [
          {
            mediaType,
            digest,
            size,
            artifactType: artifactType ?? undefined,
            annotations: annotations ?? undefined,
          },
        ]
      : [],
  );
}

function emptyIndex(): Index {
  return { schemaVersion: 2, mediaType: indexType, manifests: [] };
}

/** Replaces the first entry that it equals or supersedes; otherwise it is added at the end. */
function withEntry(index: Index, { descriptor, superseded = [] }: Referrer): Index {
  const replacedDigests = new Set<string>([descriptor.digest, ...superseded]);
  const goes = ({ digest }: { digest: string }) => replacedDigests.has(digest);
  const at = index.manifests.findIndex(goes);
  const manifests = index.manifests.filter((entry) => !goes(entry));
  manifests.splice(at < 0 ? manifests.length : at, 0, { ...descriptor });
  return { ...index, mediaType: indexType, manifests };
}

function isIndex(contentType: string | string[] | undefined): boolean {
  return (
    String(contentType ?? '')
      .split(';')[0]!
      .trim()
      .toLowerCase() === indexType
  );
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, one: unknown) =>
    one !== null && typeof one === 'object' && !Array.isArray(one)
      ? Object.fromEntries(Object.entries(one).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : one,
  );
}
