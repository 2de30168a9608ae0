/** Caches compressed frames and layers: a key leads to the blob in the store. An entry is useful only with its blob. */
import { join } from 'node:path';
import { z } from 'zod';
import { isDigest, type Digest } from '../../lib/oci/digest.ts';
import type { Context } from './context.ts';
import { JsonStore } from './json-store.ts';

const kinds = ['frames', 'layers'] as const;
export type PartKind = (typeof kinds)[number];

interface Part {
  digest: Digest;
  /** Blobs that describe it. */
  index?: Digest;
  listing?: Digest;
}

const blobsOf = ({ digest, index, listing }: Part): Digest[] =>
  [digest, index, listing].filter((one) => one !== undefined);

const storeOf = <T extends Part>(state: string, kind: PartKind) =>
  new JsonStore(join(state, kind), {
    what: 'a part of a layer',
    schema: z.custom<T>((part) => isDigest((part as Part).digest) && blobsOf(part as Part).every(isDigest)),
    isCache: true,
  });

/** Returns the entry if its blobs are still in the store, and marks them as used now. */
export async function recall<T extends Part>(
  { state, content }: Context,
  kind: PartKind,
  key: string,
): Promise<T | undefined> {
  const part = await storeOf<T>(state, kind).read(key);
  if (!part) return undefined;
  for (const digest of blobsOf(part)) if (!(await content.has(digest))) return undefined;
  for (const digest of blobsOf(part)) await content.use(digest);
  return part;
}

/**
 * Removes entries whose blobs were removed, and leftovers of killed writers. The caller ensures that there are no
 * writers.
 */
export async function forgetLost({ state }: Context, removed: ReadonlySet<Digest>): Promise<void> {
  for (const kind of kinds) {
    const store = storeOf(state, kind);
    const keys: string[] = [];
    for (const key of await store.names()) {
      const part = await store.read(key);
      if (part && !blobsOf(part).some((digest) => removed.has(digest))) keys.push(key);
    }
    await store.removeOthers(keys);
  }
}

export async function remember({ state }: Context, kind: PartKind, key: string, part: Part): Promise<void> {
  await storeOf(state, kind).write(key, part);
}
