/**
 * Passes images between machines: another worker imports what one has built and booted, and does not build it again.
 */
import type { Digest } from '../../lib/oci/digest.ts';
import { unpackOnto } from '../base/unpack-layers.ts';
import { pushImage, type Tally } from '../publish/push.ts';
import { shareBlob, shareBytes, obtain, obtainBytes } from '../state/blob-exchange.ts';
import { differsFromManifest } from '../state/compare-manifest.ts';
import type { Context } from '../state/context.ts';
import {
  isComplete,
  listRecords,
  readRecord,
  writeRecord,
  type ImageRecord,
} from '../state/image-records.ts';
import { withStateLock } from '../state/state-lock.ts';
import { invalid, parseRecord } from '../state/received.ts';
import { readImage } from '../state/stored-image.ts';

/**
 * Uploads an image to the exchange, with the trees and records of itself and its bases. Returns the digests of the
 * records, lowest base first.
 */
export async function shareImage(context: Context, record: ImageRecord): Promise<Digest[]> {
  const { exchange } = context;
  if (exchange) {
    const tally: Tally = { uploadedBytes: 0, mountedBlobs: 0, skippedBlobs: 0 };
    await pushImage(context, await readImage(context, record), { ...exchange, tags: [] }, [], tally);
  }
  const digests: Digest[] = [];
  for (const one of await lineageOf(context, record)) {
    // The manifest is uploaded as a blob as well: a registry returns manifests from another endpoint only.
    for (const digest of [one.tree, one.configDigest, one.manifestDigest]) await shareBlob(context, digest);
    digests.push(await shareBytes(context, Buffer.from(JSON.stringify(one))));
  }
  return digests;
}

/** The records of the image's bases, as far as this state has them, then its own. */
async function lineageOf({ state }: Context, record: ImageRecord): Promise<ImageRecord[]> {
  const records = await listRecords(state);
  const lineage = [record];
  for (let next = record.base; next !== undefined; next = lineage[0]!.base) {
    const base = records.find(({ manifestDigest }) => manifestDigest === next);
    if (!base) break;
    lineage.unshift(base);
  }
  return lineage;
}

/** Imports images in this order, each on the one before. Images that are here already stay. */
export async function importImages(context: Context, records: readonly Digest[]): Promise<void> {
  const { content, state } = context;
  for (const digest of records) {
    const record = parseRecord(await obtainBytes(context, digest));
    const take = async () => {
      const there = await readRecord(state, record);
      if (there?.manifestDigest === record.manifestDigest && (await isComplete(context, there))) return;
      context.progress.step(`${record.name}: taken over from another worker`);
      await takeOver(context, record);
    };
    await content.lease(() => withStateLock(context, `build-${record.name}`, take));
  }
}

/** The tree is checked against the record when something is built on it. */
async function takeOver(context: Context, record: ImageRecord): Promise<void> {
  const { manifestDigest, configDigest, tree, layers, snapshot } = record;
  await obtain(context, manifestDigest);
  await obtain(context, configDigest);
  const field = await differsFromManifest(context, record);
  if (field !== undefined)
    throw invalid('record of an image', `it has another ${field} than ${manifestDigest}`);
  for (const { digest, size } of layers) await obtain(context, digest as Digest, size);
  await obtain(context, tree);
  if (!context.snapshots.stat(snapshot)) {
    const base = await baseOf(context, record);
    await unpackOnto(context, base?.snapshot, layers.slice(base?.layers.length ?? 0), snapshot);
  }
  await writeRecord(context.state, record, 'received');
}

/** Undefined if the base is not here; then all layers are unpacked, which gives the same tree. */
async function baseOf({ state, snapshots }: Context, { base }: ImageRecord) {
  const records = await listRecords(state);
  const found = records.find(({ manifestDigest }) => manifestDigest === base);
  return found && snapshots.stat(found.snapshot) ? found : undefined;
}
