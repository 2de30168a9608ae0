/** Finds the registry to read an image from: the one in its name, or a mirror that this host has configured. */
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
  /** The repository in the client's registry. */
  repository: string;
  manifest: Manifest;
}

/**
 * Reads the manifest at the first place that has it; `wanted` is the tag or digest. A mirror that fails is reported,
 * and the next place is tried. Throws IMAGE_UNPUBLISHED, REGISTRY_BLOCKED, IMAGE_ALTERED, and what registries throw.
 */
export async function findImage(
  reference: Reference,
  wanted: string,
  { plainHttp = false, progress, signal }: { plainHttp?: boolean } & Pick<RunOptions, 'progress' | 'signal'>,
): Promise<FoundImage> {
  const tell = (sentence: string) => progress.warn(sentence);
  const asked = isDigest(wanted) ? { ...reference, digest: wanted } : reference;
  for (const { registry, repository, insecure, isMirror } of placesOf(asked)) {
    // The flag of the command line is about the registry in the reference, not about its mirrors.
    const options = {
      registry,
      repository,
      plainHttp: plainHttp && !isMirror,
      insecure,
      report: tell,
      signal,
    };
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
