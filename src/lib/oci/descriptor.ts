/** What registries exchange: digests, and descriptors that promise bytes (OCI image specification, descriptor.md). */
import { createHash } from 'node:crypto';

export type Digest = `sha256:${string}`;

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

export function isDigest(text: unknown): text is Digest {
  return typeof text === 'string' && /^sha256:[0-9a-f]{64}$/.test(text);
}

export function sha256Of(bytes: Uint8Array): Digest {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/** The name under which readers find what belongs to an image: `sha256-HEX`. */
export function tagOf(digest: Digest): string {
  return digest.replace(':', '-');
}
