/**
 * What was read from a repository, by digest. As long as the registry has the same, reading it again gives the same
 * bytes, and what was found out from them still holds.
 */
import type { Digest } from '../oci/digest.ts';

export interface ReadRecord {
  /** By reference, a tag or a digest; null where there was none. */
  manifests: Record<string, Digest | null>;
  /** By digest: their size in bytes. */
  blobs: Record<string, number>;
  /** By the manifest that they refer to. */
  referrers: Record<string, Digest[]>;
}

export const nothingRead = (): ReadRecord => ({ manifests: {}, blobs: {}, referrers: {} });
