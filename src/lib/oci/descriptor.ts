/** Descriptors and digests as registries exchange them (OCI image specification, descriptor.md). */
import type { Digest } from './digest.ts';

export interface Descriptor {
  mediaType: string;
  digest: Digest;
  /** Bytes. */
  size: number;
  artifactType?: string | undefined;
  annotations?: Record<string, string> | undefined;
}

export const manifestType = 'application/vnd.oci.image.manifest.v1+json';
export const indexType = 'application/vnd.oci.image.index.v1+json';

/**
 * The size that every registry must accept, and the largest that clients should read (distribution specification,
 * "Pushing manifests").
 */
export const maxManifestBytes = 4 * 1024 * 1024;
