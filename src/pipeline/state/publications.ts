/** Where images were published from this state: a registry can then mount from there what another image shares. */
import { join } from 'node:path';
import { z } from 'zod';
import { hexOf, type Digest } from '../../lib/oci/digest.ts';
import { JsonStore } from './json-store.ts';

const publicationsIn = (state: string) =>
  new JsonStore(join(state, 'published'), {
    what: 'the places of an image',
    schema: z.object({ manifestDigest: z.string(), references: z.array(z.string()) }),
    isCache: true,
  });

/** References that the image was given. */
export async function publishedAt(state: string, manifestDigest: Digest): Promise<string[]> {
  return (await publicationsIn(state).read(hexOf(manifestDigest)))?.references ?? [];
}

/** Callers of one image take turns. */
export async function addPublication(
  state: string,
  manifestDigest: Digest,
  added: readonly string[],
): Promise<void> {
  const references = new Set([...(await publishedAt(state, manifestDigest)), ...added]);
  const content = { manifestDigest, references: [...references].toSorted() };
  await publicationsIn(state).write(hexOf(manifestDigest), content);
}

/** Forgets where images were published that the state no longer has. */
export async function removeOtherPublications(state: string, keep: ReadonlySet<Digest>): Promise<void> {
  await publicationsIn(state).removeOthers([...keep].map(hexOf));
}
