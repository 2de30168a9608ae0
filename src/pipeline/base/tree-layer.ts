/** Writes a layer of a tree's files to the content store. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Blob, Digest } from '../../lib/oci/digest.ts';
import { mediaTypes, type Compression } from '../../stages/layer/compress/compress.ts';
import type { Changes } from '../../stages/layer/diff/changes.ts';
import { layerMembers } from '../../stages/layer/diff/layer-members.ts';
import { parseListing, type ListedEntry } from '../../stages/layer/tar/listing.ts';
import { isRegular } from '../../stages/layer/tree.ts';
import { SegmentBytes } from '../../stages/layer/write/segment-bytes.ts';
import { writeLayer } from '../../stages/layer/write/write-layer.ts';
import type { Context } from '../state/context.ts';
import { takeLayer } from './layer-workers.ts';

export interface TreeLayer extends Blob {
  diffID: Digest;
  mediaType: string;
  annotations?: Record<string, string>;
}

/**
 * Puts the sha256 of each regular file into its entry. Throws as writeLayer does.
 * @param root mount point of the tree
 * @param directory for temporary files, on the file system of the content store
 */
export async function writeTreeLayer(
  context: Context,
  root: string,
  changes: Changes,
  compression: Compression,
  directory: string,
): Promise<{ layer: TreeLayer; listing: ListedEntry[] }> {
  const scratch = await mkdtemp(join(directory, 'tree-layer-'));
  const files = { layer: join(scratch, 'layer'), listing: join(scratch, 'listing') };
  const segments = new SegmentBytes().members(layerMembers(changes), root).bytes();
  const { digest, diffID, annotations } = await writeLayer(segments, files, compression);
  context.signal?.throwIfAborted();
  const blob = await takeLayer(context, files.layer, digest);
  const listing = await parseListing([await readFile(files.listing, 'utf8')]);
  await rm(scratch, { recursive: true });
  addDigests(changes, listing);
  const mediaType = mediaTypes[compression.kind];
  return { layer: { ...blob, diffID, mediaType, ...(annotations && { annotations }) }, listing };
}

/** A hard link has the content of the first name. */
function addDigests({ entries }: Changes, listing: readonly ListedEntry[]): void {
  const digests = new Map(listing.map(({ path, sha256, linkTarget }) => [path, { sha256, linkTarget }]));
  for (const entry of entries) {
    if (!isRegular(entry)) continue;
    const listed = digests.get(entry.path);
    const sha256 = listed?.sha256 ?? digests.get(listed?.linkTarget ?? entry.path)?.sha256;
    if (sha256 !== undefined) entry.sha256 = sha256;
  }
}
