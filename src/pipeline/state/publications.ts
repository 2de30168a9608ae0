/** The repositories that images were published to: a registry can mount blobs that another image shares from there. */
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

/** The references that the image was published as. */
export async function publishedAt(state: string, manifestDigest: Digest): Promise<string[]> {
  return (await publicationsIn(state).read(hexOf(manifestDigest)))?.references ?? [];
}

/** All references that images of this state were published as, sorted. */
export async function allPublished(state: string): Promise<string[]> {
  const places = await publicationsIn(state).list();
  return [...new Set(places.flatMap(({ references }) => references))].toSorted();
}

/** The caller holds the lock of the image. */
export async function addPublication(
  state: string,
  manifestDigest: Digest,
  added: readonly string[],
): Promise<void> {
  const references = new Set([...(await publishedAt(state, manifestDigest)), ...added]);
  const content = { manifestDigest, references: [...references].toSorted() };
  await publicationsIn(state).write(hexOf(manifestDigest), content);
}

/** Removes the entries of images that are no longer in the state. */
export async function removeOtherPublications(state: string, digests: ReadonlySet<Digest>): Promise<void> {
  await publicationsIn(state).removeOthers([...digests].map(hexOf));
}
