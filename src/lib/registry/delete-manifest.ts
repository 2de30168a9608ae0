/** Deletes manifests and tags (OCI distribution specification, "Deleting Manifests", "Deleting Tags"). */
import { MillinerError } from '../errors/error.ts';
import type { Digest } from '../oci/digest.ts';
import { headManifest } from './manifests.ts';
import type { Transport } from './transport.ts';

const deleted = [200, 202, 204];
/** GHCR and Docker Hub answer 405, and docker-registry unless its configuration allows DELETE. */
const unsupported = [405, 501];
/** Google's registries refuse to delete a manifest that has tags (genuinetools/reg#136). */
const refused = [400, 409, 412];

/**
 * Deletes a manifest by digest, and these tags, which must be all tags that name it. False if it did not exist. A tag
 * alone is never deleted while its manifest stays: some registries then delete the manifest with all its other tags.
 * Blobs stay until the registry collects its garbage. Throws DELETE_UNSUPPORTED.
 */
export async function deleteManifest(
  transport: Transport,
  repository: string,
  digest: Digest,
  tags: readonly string[],
): Promise<boolean> {
  const status = await askDelete(transport, repository, digest, refused);
  if (refused.includes(status)) {
    for (const tag of tags) await askDelete(transport, repository, tag);
    await askDelete(transport, repository, digest);
    return true;
  }
  // Some registries forget the manifest's digest alone, and still serve it under its tags (getnora-io/nora#658).
  for (const tag of tags) {
    const found = await headManifest(transport, repository, tag);
    if (found === digest) await askDelete(transport, repository, tag);
  }
  return status !== 404;
}

/** The status, one of 200, 202, 204, 404 and the others that are given. */
async function askDelete(
  transport: Transport,
  repository: string,
  reference: string,
  others: readonly number[] = [],
): Promise<number> {
  const ask = {
    method: 'DELETE' as const,
    url: `/v2/${repository}/manifests/${reference}`,
    repository,
    access: 'delete' as const,
    expect: [...deleted, 404, ...unsupported, ...others],
  };
  const status = await transport.ask(ask, async (response) => {
    await response.body.dump();
    return response.statusCode;
  });
  if (!unsupported.includes(status)) return status;
  throw new MillinerError(
    'DELETE_UNSUPPORTED',
    `${transport.registry} does not delete images: DELETE of ${repository} answers HTTP status ${status}`,
    { details: { registry: transport.registry, repository, status } },
  );
}
