/** The work of the threads that make layers: a frame from a package, a layer from its frames. */
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { Blob, Digest } from '../content/digest.ts';
import { ContentStore } from '../content/store.ts';
import { stoppable } from '../host/stoppable.ts';
import { serveTasks } from '../host/threads.ts';
import { encodeEnd, type ChunkIndex } from '../layer/chunked/encode.ts';
import { appendIndex, emptyIndex, trailer } from '../layer/chunked/trailer.ts';
import { compressed, decompressed, mediaTypes, type Compression } from '../layer/compress.ts';
import { encodePiece } from '../layer/encode.ts';
import { frameParts } from '../layer/frame.ts';
import type { PlacedFile } from '../layer/predict.ts';
import { endOfArchive } from '../layer/tar.ts';
import { readPackage } from '../rpm/package.ts';

export interface FrameTask {
  kind: 'frame';
  /** The package file. */
  path: string;
  places: PlacedFile[];
  compression: Compression;
}

/** Of zstd:chunked, a frame has a blob of JSON that describes it. */
export interface MadeFrame extends Blob {
  index?: Digest;
}

export interface LayerTask {
  kind: 'layer';
  /** Its directories, compressed. */
  head: Uint8Array;
  headIndex: ChunkIndex | undefined;
  frames: MadeFrame[];
  compression: Compression;
}

export interface MadeLayer extends Blob {
  diffID: string;
  annotations?: Record<string, string>;
}

export type LayerThreadTask = FrameTask | LayerTask;
export interface LayerThreadData {
  /** Where the content store is. */
  directory: string;
}

/** Of an entry: its header and padding. */
const tarOverhead = 1024;

let opened: Promise<ContentStore> | undefined;

async function work(
  task: LayerThreadTask,
  { directory }: LayerThreadData,
  signal: AbortSignal,
): Promise<MadeFrame | MadeLayer> {
  const content = await (opened ??= ContentStore.open(directory));
  return task.kind === 'frame' ? makeFrame(content, task, signal) : makeLayer(content, task, signal);
}

async function makeFrame(
  content: ContentStore,
  { path, places, compression }: FrameTask,
  signal: AbortSignal,
): Promise<MadeFrame> {
  const one = await readPackage(path);
  const size = one.files.reduce((sum, file) => sum + file.size + tarOverhead, 0);
  const { bytes, index } = encodePiece(frameParts({ package: one, places }, signal), compression, size);
  const blob = await content.ingestStream(stoppable(bytes, signal));
  if (!index) return blob;
  const described = await content.ingestStream(Readable.from([Buffer.from(JSON.stringify(index))]));
  return { ...blob, index: described.digest };
}

async function makeLayer(content: ContentStore, task: LayerTask, signal: AbortSignal): Promise<MadeLayer> {
  const { head, headIndex, frames, compression } = task;
  const index = headIndex && emptyIndex();
  let annotations: Record<string, string> | undefined;
  async function* pieces(): AsyncGenerator<Buffer> {
    yield Buffer.from(head);
    if (index) appendIndex(index, headIndex);
    for (const frame of frames) {
      yield* (await content.openVerified(frame.digest)) as AsyncIterable<Buffer>;
      if (index) appendIndex(index, await readIndex(content, frame.index!));
    }
    if (index) {
      yield encodeEnd(endOfArchive, compression.level, index);
      const end = trailer(index, compression.level);
      annotations = end.annotations;
      yield end.bytes;
    } else yield await buffer(compressed([endOfArchive], compression, endOfArchive.length));
  }
  const blob = await content.ingestStream(stoppable(pieces(), signal));
  const diffID = await tarDigest(content, blob.digest, compression, signal);
  return { ...blob, diffID, ...(annotations && { annotations }) };
}

async function readIndex(content: ContentStore, digest: Digest): Promise<ChunkIndex> {
  return JSON.parse((await buffer(await content.openVerified(digest))).toString('utf8')) as ChunkIndex;
}

async function tarDigest(
  content: ContentStore,
  digest: Digest,
  { kind }: Compression,
  signal: AbortSignal,
): Promise<string> {
  const hash = createHash('sha256');
  const tar = decompressed(await content.openVerified(digest), mediaTypes[kind])!;
  for await (const chunk of stoppable(tar, signal)) hash.update(chunk as Buffer);
  return `sha256:${hash.digest('hex')}`;
}

serveTasks((task, data, signal) => work(task as LayerThreadTask, data as LayerThreadData, signal));
