/** Digests as OCI writes them (image-spec, descriptor.md); sha256 is the only algorithm of the store. */
import { MillinerError } from '../errors/error.ts';

export type Digest = `sha256:${string}`;

export interface Blob {
  digest: Digest;
  /** Bytes. */
  size: number;
}

export function isDigest(text: string): text is Digest {
  return /^sha256:[0-9a-f]{64}$/.test(text);
}

/** The hex half, checked: it becomes a file name. */
export function hexOf(digest: Digest): string {
  if (isDigest(digest)) return digest.slice('sha256:'.length);
  throw new MillinerError('INTERNAL', `${JSON.stringify(digest)} is no sha256 digest`);
}
