/** Manifests and tags of a registry (OCI distribution specification, "Pulling manifests", "Pushing manifests"). */
import type { HttpResponse } from '../http/request.ts';
import { indexType, manifestType, maxManifestBytes } from '../oci/descriptor.ts';
import { isDigest, sha256Of, type Digest } from '../oci/digest.ts';
import { listsTag } from './list-tags.ts';
import type { Transport } from './transport.ts';

export interface Manifest {
  bytes: Buffer;
  mediaType: string;
  digest: Digest;
}

const accepted = [
  manifestType,
  indexType,
  'application/vnd.docker.distribution.manifest.v2+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
].join(', ');

/** By tag or by digest; undefined if it does not exist. The bytes match their digest. */
export async function getManifest(
  transport: Transport,
  repository: string,
  reference: string,
  maxBytes = maxManifestBytes,
): Promise<Manifest | undefined> {
  const found = await askManifest(transport, repository, reference, [200, 404], maxBytes);
  return typeof found === 'number' ? undefined : found;
}

/**
 * As getManifest, for a tag that may not exist. Artifactory refuses what it does not have, so a refusal of a tag that
 * is not listed counts as absent. A refused tag that is listed exists: the caller would otherwise overwrite it.
 */
export async function findManifest(
  transport: Transport,
  repository: string,
  tag: string,
): Promise<Manifest | undefined> {
  const found = await askManifest(transport, repository, tag, withRefusal);
  if (typeof found !== 'number') return found;
  const isThere = found === 403 && (await listsTag(transport, repository, tag));
  return isThere ? getManifest(transport, repository, tag) : undefined;
}

/** The manifest, or the status of a response without one. */
async function askManifest(
  transport: Transport,
  repository: string,
  reference: string,
  expect: number[],
  maxBytes = maxManifestBytes,
): Promise<Manifest | number> {
  const ask = { ...manifestAsk(repository, reference, 'GET'), expect };
  const found = await transport.ask(ask, async (response) => {
    if (response.statusCode !== 200) {
      await response.body.dump();
      return response.statusCode;
    }
    const excess = () =>
      transport.invalid(`${transport.registry} sends a manifest of more than ${maxBytes} bytes`, {
        repository,
        reference,
        ...(isDigest(reference) && { digest: reference }),
      });
    const bytes = await transport.read(response, maxBytes, excess);
    const digest = sha256Of(bytes);
    const promised = [isDigest(reference) ? reference : undefined, digestHeader(response)];
    const broken = promised.find((one) => one !== undefined && one !== digest);
    if (broken === undefined) return { bytes, mediaType: mediaTypeOf(response), digest };
    throw transport.invalid(`${transport.registry} sends the manifest ${digest} in place of ${broken}`, {
      repository,
      reference,
      digest,
    });
  });
  if (transport.reads) transport.reads.manifests[reference] = typeof found === 'number' ? null : found.digest;
  return found;
}

/**
 * The digest of the manifest with a tag or digest, without reading it; undefined if it does not exist. Missing rights
 * to push show at the push.
 */
export async function headManifest(
  transport: Transport,
  repository: string,
  reference: string,
): Promise<Digest | undefined> {
  const ask = { ...manifestAsk(repository, reference, 'HEAD'), expect: withRefusal };
  const found = await transport.ask(ask, async (response) => {
    await response.body.dump();
    return response.statusCode === 200 ? digestHeader(response) : 'nothing';
  });
  if (found === 'nothing') return undefined;
  // The digest header is optional.
  if (!isDigest(found)) return (await getManifest(transport, repository, reference))?.digest;
  if (!isDigest(reference) || found === reference) return found;
  throw transport.invalid(`${transport.registry} has the manifest ${found} in place of ${reference}`, {
    repository,
  });
}

/** Pushes a manifest by tag or digest; its blobs must exist. */
export async function putManifest(
  transport: Transport,
  repository: string,
  reference: string,
  bytes: Uint8Array,
  mediaType: string,
): Promise<Digest> {
  const digest = sha256Of(bytes);
  const ask = {
    ...manifestAsk(repository, reference, 'PUT'),
    access: 'push' as const,
    expect: [200, 201, 202],
    headers: { 'content-type': mediaType, 'content-length': String(bytes.length) },
    body: () => bytes,
  };
  const stored = await transport.ask(ask, async (response) => {
    await response.body.dump();
    return digestHeader(response);
  });
  if (stored === undefined || stored === digest) return digest;
  throw transport.invalid(`${transport.registry} stored the manifest ${digest} as ${stored}`, {
    repository,
    reference,
  });
}

const withRefusal = [200, 403, 404];

function manifestAsk<M extends 'GET' | 'HEAD' | 'PUT'>(repository: string, reference: string, method: M) {
  return {
    method,
    url: `/v2/${repository}/manifests/${reference}`,
    repository,
    access: 'pull' as const,
    expect: [200, 404],
    headers: { accept: accepted },
  };
}

function digestHeader(response: HttpResponse): string | undefined {
  const value = response.headers['docker-content-digest'];
  return typeof value === 'string' ? value : undefined;
}

function mediaTypeOf(response: HttpResponse): string {
  const [type = ''] = String(response.headers['content-type'] ?? '').split(';');
  return type.trim().toLowerCase();
}
