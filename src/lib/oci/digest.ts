/** Digests as OCI writes them (image-spec, descriptor.md); sha256 is the only algorithm of the store. */
import { createHash } from 'node:crypto';
import { MillinerError } from '../errors/error.ts';

export type Digest = `sha256:${string}`;

export interface Blob {
  digest: Digest;
  /** Bytes. */
  size: number;
}

/** The hexadecimal part, checked because it becomes a file name. */
export function hexOf(digest: Digest): string {
  if (isDigest(digest)) return digest.slice('sha256:'.length);
  throw new MillinerError('INTERNAL', `${JSON.stringify(digest)} is not a sha256 digest`);
}

export function isDigest(text: unknown): text is Digest {
  return typeof text === 'string' && /^sha256:[0-9a-f]{64}$/.test(text);
}

export function sha256Of(bytes: Uint8Array): Digest {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/** The tag under which clients find signatures of an image: `sha256-HEX`. */
export function tagOf(digest: Digest): string {
  return digest.replace(':', '-');
}

/** JSON with sorted keys: equal values are equal texts, whatever the order of their keys. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) =>
    part !== null && typeof part === 'object' && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}

/** sha256 over the canonical JSON of a value. */
export function canonicalDigest(value: unknown): Digest {
  return `sha256:${createHash('sha256').update(canonicalJson(value)).digest('hex')}`;
}
