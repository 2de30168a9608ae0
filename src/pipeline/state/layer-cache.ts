/**
 * What was compressed once is not compressed again: which blob of the store holds the frame, or the layer, of a key.
 * An entry is worth nothing without its blob, and its loss costs time alone, so none is synced.
 */
import { readdir, readFile, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import type { Digest } from '../../lib/oci/digest.ts';
import type { Context } from './context.ts';

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

/** Gives what was remembered, if its blobs are still there; all then count as used now. */
export async function recall<T extends Part>(
  { state, content }: Context,
  kind: PartKind,
  key: string,
): Promise<T | undefined> {
  const path = join(state, kind, key);
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  const part = text === undefined ? undefined : (parse(text) as T | undefined);
  if (!part) return undefined;
  for (const digest of blobsOf(part)) if (!(await content.has(digest))) return undefined;
  for (const digest of blobsOf(part)) await content.use(digest);
  const now = new Date();
  await utimes(path, now, now);
  return part;
}

/** A machine that lost its power may have left a part of it. */
function parse(text: string): Part | undefined {
  try {
    return JSON.parse(text) as Part;
  } catch {
    return undefined;
  }
}

/** Forgets the parts whose blobs have been removed, and what killed writers have left; while nobody writes. */
export async function forgetLost({ state }: Context, removed: ReadonlySet<Digest>): Promise<void> {
  for (const kind of kinds) {
    for (const name of await readdir(join(state, kind))) {
      const path = join(state, kind, name);
      const part = name.startsWith('.') ? undefined : parse(await readFile(path, 'utf8'));
      if (!part || blobsOf(part).some((digest) => removed.has(digest))) await rm(path);
    }
  }
}

export async function remember({ state }: Context, kind: PartKind, key: string, part: Part): Promise<void> {
  const temporary = join(state, kind, `.${randomUUID()}`);
  await writeFile(temporary, JSON.stringify(part));
  await rename(temporary, join(state, kind, key));
}
