/** The files of a release: bills of materials and verdict of each image, from the state, and the key that verifies them. */
import { MillinerError } from '../lib/errors/error.ts';
import type { Digest } from '../lib/oci/digest.ts';
import { sbomsOf } from '../pipeline/publish/image-sbom.ts';
import { withSnapshots, type StateContext } from '../pipeline/state/context.ts';
import { findRecord } from '../pipeline/state/find-image.ts';
import type { ImageRecord } from '../pipeline/state/image-records.ts';
import { findIndex } from '../pipeline/state/index-records.ts';
import { readVerdict } from '../pipeline/state/verdicts.ts';
import type { ReleaseAsset } from './ensure-release.ts';

/**
 * Of an image or an index. A state that does not hold an image, as when another machine has built it, has no files of it:
 * they hang on the image in its registry all the same.
 */
export async function imageDocuments(context: StateContext, digest: Digest): Promise<ReleaseAsset[]> {
  const assets: ReleaseAsset[] = [];
  const images = (await findIndex(context.state, digest))?.images ?? [digest];
  for (const image of images) {
    const record = await ifThere(findRecord(context.state, image));
    if (!record) continue;
    const verdict = await readVerdict(context.state, record.manifestDigest);
    if (verdict) assets.push(jsonAsset(`${record.arch}.verdict.json`, verdict));
    const sboms = await ifThere(sbomsIn(context, record));
    if (!sboms) continue;
    assets.push(jsonAsset(`${record.arch}.spdx.json`, sboms.spdx));
    assets.push(jsonAsset(`${record.arch}.cdx.json`, sboms.cyclonedx));
  }
  return assets;
}

const sbomsIn = (context: StateContext, record: ImageRecord) =>
  withSnapshots(context, (opened) => opened.content.lease(() => sbomsOf(opened, record)));

const jsonAsset = (name: string, value: object): ReleaseAsset => ({
  name,
  contentType: 'application/json',
  content: Buffer.from(`${JSON.stringify(value)}\n`),
});

/** What gc has removed. */
const gone = new Set(['IMAGE_NOT_FOUND', 'SNAPSHOT_NOT_FOUND', 'BLOB_MISSING']);

async function ifThere<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof MillinerError && gone.has(error.code)) return undefined;
    throw error;
  }
}
