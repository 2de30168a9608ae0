/** Where an image is read from: the registry of its name, or what this host has in its place. */
import { MillinerError } from '../../lib/errors/error.ts';
import { isDigest } from '../../lib/oci/digest.ts';
import { RegistryClient } from '../../lib/registry/client.ts';
import type { Manifest } from '../../lib/registry/manifests.ts';
import { placesOf } from '../../lib/registry/pull-sources.ts';
import { showReference, type Reference } from '../../lib/registry/reference.ts';
import type { RunOptions } from '../state/context.ts';
import { asAltered } from './fetch-signatures.ts';

export interface FoundImage {
  client: RegistryClient;
  /** In that registry. */
  repository: string;
  manifest: Manifest;
}

/**
 * What a reference leads to, at the first place that has it; `wanted` is the tag or digest. A mirror that fails is told
 * of, and the next is asked. Throws IMAGE_UNPUBLISHED, REGISTRY_BLOCKED, IMAGE_ALTERED, and what registries throw.
 */
export async function findImage(
  reference: Reference,
  wanted: string,
  { plainHttp = false, progress, signal }: { plainHttp?: boolean } & Pick<RunOptions, 'progress' | 'signal'>,
): Promise<FoundImage> {
  const tell = (sentence: string) => progress.warn(sentence);
  const asked = isDigest(wanted) ? { ...reference, digest: wanted } : reference;
  for (const { registry, repository, insecure, isMirror } of placesOf(asked)) {
    // What is said on the command line is of the registry that is named there.
    const options = { registry, repository, plainHttp: plainHttp && !isMirror, insecure, tell, signal };
    try {
      const client = await RegistryClient.open(options);
      const first = isMirror ? client.trying(2) : client;
      const manifest = await asAltered(() => first.getManifest(repository, wanted));
      if (manifest) return { client, repository, manifest };
      if (isMirror) tell(`the mirror ${registry}/${repository} has no ${wanted}`);
    } catch (error) {
      if (!isMirror || !(error instanceof MillinerError) || signal?.aborted) throw error;
      tell(`the mirror ${registry}/${repository} fails: ${error.message}`);
    }
  }
  const { registry } = reference;
  throw new MillinerError('IMAGE_UNPUBLISHED', `${registry} has no ${showReference(reference)} (${wanted})`, {
    details: { reference: showReference(reference) },
  });
}
