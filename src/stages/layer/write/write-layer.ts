/** Writes a layer from its segments. The addon does it in one pass, on a thread of its own. */
import { appendFile, open, readFile } from 'node:fs/promises';
import { MillinerError } from '../../../lib/errors/error.ts';
import { fileChecksum } from '../../../lib/host/checksum.ts';
import { native, type LayerFailure } from '../../../lib/host/native.ts';
import { showBytes, type ByteString } from '../../../lib/host/paths.ts';
import { reserveReached } from '../../../lib/host/reserve.ts';
import type { Digest } from '../../../lib/oci/digest.ts';
import { refusePackage } from '../../../lib/rpm/lead.ts';
import { checkChunked, checkTrailer, type ChunkedBlob } from '../compress/chunked/check-chunked.ts';
import { appendIndex, emptyIndex, trailer, type ChunkIndex } from '../compress/chunked/trailer.ts';
import { checkMediaType } from '../compress/check-media-type.ts';
import { mediaTypes, type Compression } from '../compress/compress.ts';
import { parseListing } from '../tar/listing.ts';

export interface LayerFiles {
  /** Paths of new files: the layer, and one line of JSON for each entry of its tar stream. */
  layer: string;
  listing: string;
}

/** Where a segment lies in the layer. */
interface SegmentPlace {
  offset: number;
  size: number;
  /** For zstd:chunked. */
  index?: ChunkIndex;
}

export interface LayerDigests {
  /** Of what was to be written. The caller that takes the file compares it with the file's own. */
  digest: Digest;
  /** Of the uncompressed tar stream. */
  diffID: Digest;
  annotations?: Record<string, string>;
  /** In the order of the input. */
  segments: SegmentPlace[];
}

/**
 * For zstd:chunked, `stored` has the indexes of segments that an earlier layer holds. Throws PACKAGE_INVALID,
 * LAYERS_DIFFER, BLOB_CORRUPT, DISK_FULL, and INTERNAL for a file that changes meanwhile.
 */
export async function writeLayer(
  segments: Buffer,
  files: LayerFiles,
  { kind, level }: Compression,
  stored: readonly (ChunkIndex | undefined)[] = [],
): Promise<LayerDigests> {
  const made = await native().makeLayer({ segments, ...files, compression: kind, level });
  if ('failure' in made) throw errorOf(made.failure, files.layer);
  await checkMediaType(files.layer, mediaTypes[kind]);
  const { diffID, digest } = made;
  const places = made.segments.map(({ offset, size }) => ({ offset, size }));
  if (kind !== 'zstd:chunked') return { diffID, digest, segments: places.slice(0, -1) };
  const indexes = made.segments.map(({ index }, at) => stored[at] ?? (JSON.parse(index!) as ChunkIndex));
  const ended = await endChunked(files, level, indexes, diffID);
  const described = places.map((place, at) => ({ ...place, index: indexes[at]! }));
  return { diffID, ...ended, segments: described.slice(0, -1) };
}

/** Appends the table of contents, and reads the layer by it, as a client does. */
async function endChunked(
  files: LayerFiles,
  level: number,
  indexes: readonly ChunkIndex[],
  diffID: Digest,
): Promise<Pick<LayerDigests, 'digest' | 'annotations'>> {
  const index = emptyIndex();
  for (const one of indexes) appendIndex(index, one);
  const { bytes, annotations } = trailer(index, level);
  checkTrailer(bytes);
  await appendFile(files.layer, bytes);
  const digest: Digest = `sha256:${(await fileChecksum(files.layer, 'sha256')).value}`;
  if (!annotations) return { digest };
  await readInChunks(files, { annotations, diffID });
  return { digest, annotations };
}

export interface LayerBlob {
  digest: Digest;
  mediaType: string;
  annotations?: Record<string, string> | undefined;
}

/**
 * Reads a layer of writeLayer again, and writes its listing. Throws LAYERS_DIFFER, and BLOB_CORRUPT if the file is not
 * that blob.
 */
export async function listLayer(
  { digest, mediaType, annotations }: LayerBlob,
  files: LayerFiles,
): Promise<{ diffID: Digest }> {
  if (mediaType !== mediaTypes.gzip && mediaType !== mediaTypes.zstd)
    throw layersDiffer(`the layer ${digest} has a type that no client knows: ${mediaType}`);
  const listed = await native().listLayer(files.layer, files.listing, mediaType === mediaTypes.gzip);
  // A damaged blob may be no layer, or another one.
  const found =
    'failure' in listed ? `sha256:${(await fileChecksum(files.layer, 'sha256')).value}` : listed.digest;
  if (found !== digest)
    throw new MillinerError('BLOB_CORRUPT', `${files.layer} does not hold ${digest}`, {
      details: { digest, path: files.layer },
    });
  if ('failure' in listed) throw errorOf(listed.failure, files.layer);
  const { diffID } = listed;
  if (annotations) await readInChunks(files, { annotations, diffID });
  return { diffID };
}

/** Unpacks segments below an empty directory, without owners and attributes. Throws PACKAGE_INVALID, DISK_FULL. */
export async function unpackSegments(segments: Buffer, root: string): Promise<void> {
  const { failure } = await native().unpackSegments(segments, root);
  if (failure) throw errorOf(failure, root);
}

async function readInChunks(
  { layer, listing }: LayerFiles,
  said: Pick<ChunkedBlob, 'annotations' | 'diffID'>,
): Promise<void> {
  const entries = await parseListing([await readFile(listing, 'utf8')]);
  await using handle = await open(layer, 'r');
  const read = async (at: number, length: number) => {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, at);
    return buffer.subarray(0, bytesRead);
  };
  try {
    await checkChunked({ ...said, read, listing: entries });
  } catch (error) {
    if (error instanceof MillinerError || (error as NodeJS.ErrnoException).syscall !== undefined) throw error;
    throw layersDiffer(`a zstd:chunked layer cannot be read in pieces: ${String(error)}`);
  }
}

const layersDiffer = (reason: string) => new MillinerError('LAYERS_DIFFER', reason);

/** `layer`: the file that was being written. */
function errorOf({ code, text, subject }: LayerFailure, layer: string): MillinerError {
  const shown = showBytes(text as ByteString);
  const path = showBytes(subject as ByteString);
  if (code === 'DISK_FULL') return reserveReached(layer);
  if (code === 'PACKAGE_INVALID') return refusePackage(path)(shown);
  if (code === 'LAYERS_DIFFER') return layersDiffer(shown);
  if (code === 'FILE_CHANGED')
    return new MillinerError('INTERNAL', `/${path} changed while its layer was written`);
  const digest = `sha256:${path.slice(path.lastIndexOf('/') + 1)}`;
  return new MillinerError('BLOB_CORRUPT', `${path} does not hold ${digest}: ${shown}`, {
    details: { digest, path },
  });
}
