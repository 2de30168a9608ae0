/** The work of the threads that make layers: frames from packages, a layer from frames. */
import { constants, setPriority } from 'node:os';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { Blob, Digest } from '../content/digest.ts';
import { ContentStore } from '../content/store.ts';
import { stoppable } from '../host/stoppable.ts';
import { serveTasks } from '../host/threads.ts';
import type { ChunkIndex } from '../layer/chunked/encode.ts';
import { mediaTypes, type Compression } from '../layer/compress.ts';
import { encodePiece, joinPieces, type Piece } from '../layer/encode.ts';
import { frameParts } from '../layer/frame.ts';
import { inChunks } from '../layer/gather.ts';
import { serializeListing } from '../layer/listing.ts';
import type { PlacedFile } from '../layer/predict.ts';
import { readPackage } from '../rpm/package.ts';
import { readBack } from './readback.ts';

/** What a frame is made of. */
export interface FrameSource {
  /** The package file. */
  path: string;
  places: PlacedFile[];
}

/** Of zstd:chunked, a frame has a blob of JSON that describes it. */
export interface MadeFrame extends Blob {
  index?: Digest;
}

/** The directories of a layer. */
export interface LayerHead {
  bytes: Uint8Array;
  index: ChunkIndex | undefined;
}

export interface LayerTask {
  /** Absent where only the frames are wanted. */
  head?: LayerHead;
  frames: (FrameSource | MadeFrame)[];
  compression: Compression;
}

export interface MadeLayer extends Blob {
  diffID: string;
  annotations?: Record<string, string>;
  /** A blob with one line of JSON for each entry of the tar stream. */
  listing: Digest;
}

export interface LayerAnswer {
  /** In the order of the task's. */
  frames: MadeFrame[];
  layer?: MadeLayer;
}

export interface LayerThreadData {
  /** Where the content store is. */
  directory: string;
}

let opened: Promise<ContentStore> | undefined;

async function work(
  { head, frames, compression }: LayerTask,
  { directory }: LayerThreadData,
  signal: AbortSignal,
): Promise<LayerAnswer> {
  const content = await (opened ??= ContentStore.open(directory));
  const maker = new FrameMaker(content, compression, signal);
  const made: MadeFrame[] = [];
  if (!head) {
    for (const frame of frames) made.push('digest' in frame ? frame : await maker.make(frame));
    return { frames: made };
  }
  async function* pieces(layer: LayerHead): AsyncGenerator<Piece> {
    yield { bytes: Readable.from([Buffer.from(layer.bytes)]), index: layer.index };
    for (const frame of frames) {
      made.push('digest' in frame ? frame : await maker.make(frame));
      yield await maker.piece(made.at(-1)!);
    }
  }
  const layer = joinPieces(pieces(head), compression);
  const blob = await content.ingestStream(stoppable(layer.bytes, signal));
  const annotations = layer.annotations();
  const mediaType = mediaTypes[compression.kind];
  const { diffID, listing: entries } = await readBack(content, { ...blob, mediaType, annotations }, signal);
  const lines = serializeListing(entries).map((line) => Buffer.from(line));
  const { digest: listing } = await content.ingestStream(inChunks(lines, listingChunk));
  return { frames: made, layer: { ...blob, diffID, listing, ...(annotations && { annotations }) } };
}

const listingChunk = 1024 * 1024;

class FrameMaker {
  readonly #content: ContentStore;
  readonly #compression: Compression;
  readonly #signal: AbortSignal;

  constructor(content: ContentStore, compression: Compression, signal: AbortSignal) {
    this.#content = content;
    this.#compression = compression;
    this.#signal = signal;
  }

  async make({ path, places }: FrameSource): Promise<MadeFrame> {
    const one = await readPackage(path);
    const parts = frameParts({ package: one, places }, this.#signal);
    const { bytes, index } = encodePiece(parts, this.#compression);
    const blob = await this.#content.ingestStream(stoppable(bytes, this.#signal));
    if (!index) return blob;
    const described = await this.#content.ingestStream(Readable.from([Buffer.from(JSON.stringify(index))]));
    return { ...blob, index: described.digest };
  }

  async piece({ digest, index }: MadeFrame): Promise<Piece> {
    const bytes = this.#content.pieces(digest);
    if (index === undefined) return { bytes };
    const text = await buffer(await this.#content.openVerified(index));
    return { bytes, index: JSON.parse(text.toString('utf8')) as ChunkIndex };
  }
}

// rpm, which nobody can help, goes first. Of a thread, not of its process: setpriority(2), NOTES.
setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
serveTasks((task, data, signal) => work(task as LayerTask, data as LayerThreadData, signal));
