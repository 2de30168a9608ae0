/**
 * What was compressed once is not compressed again: which blob of the store holds the frame, or the layer, of a key.
 * An entry is worth nothing without its blob, and its loss costs time alone, so none is synced.
 */
import { readdir, readFile, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import type { Blob, Digest } from '../content/digest.ts';
import type { Context } from './context.ts';

const kinds = ['frames', 'layers'] as const;
export type PartKind = (typeof kinds)[number];

/** Gives what was remembered, if its blob is still there; both then count as used now. */
export async function recall<T extends Blob>(
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
  if (!part || !(await content.has(part.digest))) return undefined;
  const now = new Date();
  await content.use(part.digest);
  await utimes(path, now, now);
  return part;
}

/** A machine that lost its power may have left a part of it. */
function parse(text: string): Blob | undefined {
  try {
    return JSON.parse(text) as Blob;
  } catch {
    return undefined;
  }
}

/** Forgets the parts whose blobs have been removed. */
export async function forgetLost({ state }: Context, removed: ReadonlySet<Digest>): Promise<void> {
  for (const kind of kinds) {
    for (const name of await readdir(join(state, kind))) {
      const path = join(state, kind, name);
      const part = parse(await readFile(path, 'utf8'));
      if (!part || removed.has(part.digest)) await rm(path);
    }
  }
}

export async function remember({ state }: Context, kind: PartKind, key: string, part: Blob): Promise<void> {
  const temporary = join(state, kind, `.${randomUUID()}`);
  await writeFile(temporary, JSON.stringify(part));
  await rename(temporary, join(state, kind, key));
}
