/** Layers as the addon writes them, from members whose content is at hand. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { Readable } from 'node:stream';
import type { Compression } from '../../../src/stages/layer/compress/compress.ts';
import { parseListing, type ListedEntry } from '../../../src/stages/layer/tar/listing.ts';
import { SegmentBytes, type TreeMember } from '../../../src/stages/layer/write/segment-bytes.ts';
import { writeLayer, type LayerDigests } from '../../../src/stages/layer/write/write-layer.ts';
import type { TarMember } from './tar-writer.ts';

export interface WrittenLayer extends LayerDigests {
  bytes: Buffer;
  listing: ListedEntry[];
}

/** Each group of members is a segment. */
export async function writtenLayer(
  groups: readonly (readonly TarMember[])[],
  compression: Compression,
): Promise<WrittenLayer> {
  return inScratch(async (scratch) => {
    const root = join(scratch, 'tree');
    await mkdir(root);
    const segments = new SegmentBytes();
    let files = 0;
    for (const members of groups) {
      const placed: TreeMember[] = [];
      for (const { entry, content } of members) {
        const bytes = content ? await buffer(Readable.from(content)) : Buffer.alloc(0);
        const file = String(files++);
        if (bytes.length > 0) await writeFile(join(root, file), bytes);
        placed.push({ entry, ...(bytes.length > 0 && { file }) });
      }
      segments.members(placed, root);
    }
    return writtenSegments(segments.bytes(), compression, scratch);
  });
}

/** The layer of a tree on disk. */
export function writtenTree(
  root: string,
  members: Iterable<TreeMember>,
  compression: Compression,
): Promise<WrittenLayer> {
  const segments = new SegmentBytes().members(members, root).bytes();
  return inScratch((scratch) => writtenSegments(segments, compression, scratch));
}

export async function writtenSegments(
  segments: Buffer,
  compression: Compression,
  scratch: string,
): Promise<WrittenLayer> {
  const files = { layer: join(scratch, 'layer'), listing: join(scratch, 'listing') };
  const digests = await writeLayer(segments, files, compression);
  const listing = await parseListing([await readFile(files.listing, 'utf8')]);
  return { ...digests, bytes: await readFile(files.layer), listing };
}

export async function inScratch<T>(fn: (scratch: string) => Promise<T>): Promise<T> {
  const scratch = await mkdtemp(join(tmpdir(), 'milliner-layer-'));
  try {
    return await fn(scratch);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
