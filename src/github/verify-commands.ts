/** What a reader types to verify a published image. Only names that registries take become part of a command. */
import { MillinerError } from '../lib/errors/error.ts';
import type { Digest } from '../lib/oci/digest.ts';
import { parseReference, type Reference } from '../lib/registry/reference.ts';

/** Name of the release's file with the public key. */
export const keyFile = 'release.pub';

export interface VerifyCommands {
  /** `HOST/REPOSITORY`, each once. */
  repository: string;
  cosign: string;
  /** The policy of a host, under which podman, skopeo and bootc then pull. */
  policy: string;
  podman: string;
}

export function verifyCommands(references: readonly string[], digest: Digest): VerifyCommands[] {
  const repositories = references.flatMap((text) => {
    const place = readReference(text);
    return place ? [`${place.registry}/${place.repository}`] : [];
  });
  return [...new Set(repositories)].map((repository) => ({
    repository,
    cosign: `cosign verify --key ${keyFile} --insecure-ignore-tlog=true ${repository}@${digest}`,
    policy: `milliner policy --key /etc/pki/containers/${keyFile} --to ${repository} --out /etc/containers`,
    podman: `podman pull ${repository}@${digest}`,
  }));
}

function readReference(text: string): Reference | undefined {
  try {
    return parseReference(text);
  } catch (error) {
    if (error instanceof MillinerError && error.code === 'REFERENCE_INVALID') return undefined;
    throw error;
  }
}
