/** The indexes that this state has published: by their digest the images in them are found. */
import { join } from 'node:path';
import { z } from 'zod';
import { hexOf, isDigest, type Digest } from '../../lib/oci/digest.ts';
import { JsonStore } from './json-store.ts';

const digestSchema = z.custom<Digest>(isDigest);
const recordSchema = z.strictObject({ digest: digestSchema, images: z.array(digestSchema).min(1) });
type IndexRecord = z.output<typeof recordSchema>;

const indexesIn = (state: string) =>
  new JsonStore<IndexRecord>(join(state, 'indexes'), {
    what: 'the record of an index',
    schema: recordSchema,
    isCache: true,
  });

export async function writeIndexRecord(state: string, record: IndexRecord): Promise<void> {
  await indexesIn(state).write(hexOf(record.digest), record);
}

/** The images of each index, by its digest. */
export async function listIndexes(state: string): Promise<Map<Digest, Digest[]>> {
  const records = await indexesIn(state).list();
  return new Map(records.map(({ digest, images }) => [digest, images]));
}

/** By the beginning of its digest. */
export async function findIndex(state: string, prefix: string): Promise<IndexRecord | undefined> {
  const found = await indexesIn(state).list();
  return found.find(({ digest }) => digest.startsWith(prefix));
}

/** Removes the records of indexes with an image that is no longer in the state. */
export async function removeOtherIndexes(state: string, digests: ReadonlySet<Digest>): Promise<void> {
  const whole = (await indexesIn(state).list()).filter(({ images }) =>
    images.every((one) => digests.has(one)),
  );
  await indexesIn(state).removeOthers(whole.map(({ digest }) => hexOf(digest)));
}
