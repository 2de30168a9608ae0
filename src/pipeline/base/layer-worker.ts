/**
 * The confined process that reads packages and layers, which are not trusted. It makes frames from packages, makes a
 * layer from frames, and lists a layer's content. Its results are files in one directory, under names that the parent
 * has chosen.
 */
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { constants, setPriority } from 'node:os';
import { dirname } from 'node:path';
import { Readable } from 'node:stream';
import { json } from 'node:stream/consumers';
import { filePieces } from '../../lib/host/files.ts';
import { keepingReserve } from '../../lib/host/reserve.ts';
import { serveTasks } from '../../lib/host/serve.ts';
import type { Digest } from '../../lib/oci/digest.ts';
import { readPackage } from '../../lib/rpm/package.ts';
import { copied, verifiedPieces } from '../../stages/content/store.ts';
import type { ChunkIndex } from '../../stages/layer/compress/chunked/encode-chunked.ts';
import { inChunks } from '../../stages/layer/compress/chunks.ts';
import { mediaTypes, type Compression } from '../../stages/layer/compress/compress.ts';
import { encodePiece, joinPieces, type Piece } from '../../stages/layer/compress/encode.ts';
import { frameMembers } from '../../stages/layer/packages/frame.ts';
import type { PlacedFile } from '../../stages/layer/packages/predict.ts';
import { serializeListing, type ListedEntry } from '../../stages/layer/tar/listing.ts';
import { fileDigests, type DigestTask, type SourceBlob } from './layer-digests.ts';
import { readBack, type LayerBlob } from './read-back.ts';

/** The input of a frame. */
export interface FrameSource {
  /** The package file. */
  path: string;
  places: PlacedFile[];
  /** Where to write the frame, and for zstd:chunked its index. */
  frame: string;
  index: string;
}

/** A frame that exists already. */
export interface StoredFrame {
  bytes: SourceBlob;
  index?: SourceBlob;
}

/** The directory entries of a layer, in base64. */
export interface LayerHead {
  bytes: string;
  index: ChunkIndex | undefined;
}

export interface MakeTask {
  kind: 'make';
  frames: (FrameSource | StoredFrame)[];
  compression: Compression;
  /** Absent if only the frames are wanted. */
  layer?: { head: LayerHead; to: string; listing: string };
}

export interface ReadTask {
  kind: 'read';
  path: string;
  blob: LayerBlob;
  /** Where to write one line of JSON for each entry of the tar stream. */
  listing: string;
}

export type LayerTask = MakeTask | ReadTask | DigestTask;

async function work(task: LayerTask): Promise<unknown> {
  if (task.kind === 'make') return make(task);
  if (task.kind === 'digest') return fileDigests(task);
  return readLayer(task.path, task.blob, task.listing);
}

async function make({ frames, compression, layer }: MakeTask): Promise<unknown> {
  if (!layer) {
    for (const frame of frames) if ('frame' in frame) await makeFrame(frame, compression);
    return {};
  }
  const { head, to, listing } = layer;
  async function* pieces(): AsyncGenerator<Piece> {
    yield { bytes: Readable.from([Buffer.from(head.bytes, 'base64')]), index: head.index };
    for (const frame of frames) {
      if ('frame' in frame) await makeFrame(frame, compression);
      yield await pieceOf(frame, compression);
    }
  }
  const whole = joinPieces(pieces(), compression);
  const digest = await write(whole.bytes, to);
  const annotations = whole.annotations();
  const blob = { digest, mediaType: mediaTypes[compression.kind], annotations };
  return { ...(await readLayer(to, blob, listing)), annotations };
}

async function readLayer(path: string, blob: LayerBlob, listing: string): Promise<{ diffID: string }> {
  const read = await readBack(path, blob);
  await writeListing(read.listing, listing);
  return { diffID: read.diffID };
}

async function writeListing(entries: readonly ListedEntry[], to: string): Promise<void> {
  const lines = serializeListing(entries).map((line) => Buffer.from(line));
  await write(inChunks(lines, 1 << 20), to);
}

async function makeFrame({ path, places, ...to }: FrameSource, compression: Compression): Promise<void> {
  const { bytes, index } = encodePiece(
    frameMembers({ package: await readPackage(path), places }),
    compression,
  );
  await write(bytes, to.frame);
  if (index) await write([Buffer.from(JSON.stringify(index))], to.index);
}

async function pieceOf(frame: FrameSource | StoredFrame, { kind }: Compression): Promise<Piece> {
  const isMade = 'frame' in frame;
  const bytes = isMade ? plainPieces(frame.frame) : blobPieces(frame.bytes);
  if (kind !== 'zstd:chunked') return { bytes };
  const described = isMade ? plainPieces(frame.index) : blobPieces(frame.index!);
  return { bytes, index: (await json(Readable.from(copied(described)))) as ChunkIndex };
}

async function* blobPieces({ path, digest }: SourceBlob): AsyncGenerator<Buffer> {
  await using handle = await open(path, 'r');
  yield* verifiedPieces(handle, digest, path);
}

async function* plainPieces(path: string): AsyncGenerator<Buffer> {
  await using handle = await open(path, 'r');
  yield* filePieces(handle);
}

/** Writes a new file and returns its digest. A piece is valid only until the next one is requested. */
async function write(bytes: AsyncIterable<Buffer> | Iterable<Buffer>, to: string): Promise<Digest> {
  const hash = createHash('sha256');
  await using handle = await open(to, 'wx', 0o600);
  for await (const piece of keepingReserve(bytes, dirname(to))) {
    hash.update(piece);
    await handle.writeFile(piece);
  }
  return `sha256:${hash.digest('hex')}`;
}

// rpm runs in parallel on one core and determines the total time, so it gets priority.
setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
await serveTasks(work);
