/** The work of the threads that make layers: a frame from a package, a layer from its frames. */
import { createHash } from 'node:crypto';
import { addAbortSignal, Readable } from 'node:stream';
import type { Blob, Digest } from '../content/digest.ts';
import { ContentStore } from '../content/store.ts';
import { serveTasks } from '../host/threads.ts';
import { compressed, decompressed, mediaTypes, type Compression } from '../layer/compress.ts';
import { frameTar } from '../layer/frame.ts';
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

export interface LayerTask {
  kind: 'layer';
  /** Its directories, compressed. */
  head: Uint8Array;
  frames: Digest[];
  compression: Compression;
}

export type LayerThreadTask = FrameTask | LayerTask;
export interface LayerThreadData {
  /** Where the content store is. */
  directory: string;
}

let opened: Promise<ContentStore> | undefined;

async function work(
  task: LayerThreadTask,
  { directory }: LayerThreadData,
  signal: AbortSignal,
): Promise<Blob & { diffID?: string }> {
  const content = await (opened ??= ContentStore.open(directory));
  return task.kind === 'frame' ? makeFrame(content, task, signal) : makeLayer(content, task, signal);
}

async function makeFrame(
  content: ContentStore,
  { path, places, compression }: FrameTask,
  signal: AbortSignal,
): Promise<Blob> {
  const tar = frameTar({ package: await readPackage(path), places }, signal);
  return content.ingestStream(addAbortSignal(signal, compressed(tar, compression)));
}

async function makeLayer(
  content: ContentStore,
  { head, frames, compression }: LayerTask,
  signal: AbortSignal,
): Promise<Blob & { diffID: string }> {
  async function* parts(): AsyncGenerator<Buffer> {
    yield Buffer.from(head);
    for (const digest of frames) yield* (await content.openVerified(digest)) as AsyncIterable<Buffer>;
    for await (const part of compressed([endOfArchive], compression)) yield part as Buffer;
  }
  const blob = await content.ingestStream(
    addAbortSignal(signal, Readable.from(parts(), { objectMode: false })),
  );
  const hash = createHash('sha256');
  const tar = decompressed(await content.openVerified(blob.digest), mediaTypes[compression.kind])!;
  for await (const chunk of addAbortSignal(signal, tar)) hash.update(chunk as Buffer);
  return { ...blob, diffID: `sha256:${hash.digest('hex')}` };
}

serveTasks((task, data, signal) => work(task as LayerThreadTask, data as LayerThreadData, signal));
