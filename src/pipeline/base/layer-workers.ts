/**
 * Runs confined processes that read packages and layers, on all cores, and moves their results into the content store.
 */
import { constants } from 'node:fs';
import { mkdir, open, rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { extname, join } from 'node:path';
import { z } from 'zod';
import { MillinerError } from '../../lib/errors/error.ts';
import { Workers } from '../../lib/host/workers.ts';
import { isDigest, type Blob, type Digest } from '../../lib/oci/digest.ts';
import type { ChunkIndex } from '../../stages/layer/compress/chunked/encode-chunked.ts';
import { chunkedPrefix } from '../../stages/layer/compress/chunked/trailer.ts';
import type { Compression } from '../../stages/layer/compress/compress.ts';
import type { PlacedFile } from '../../stages/layer/packages/predict.ts';
import { parseListing } from '../../stages/layer/tar/listing.ts';
import type { Context } from '../state/context.ts';
import { withWorkspace } from '../state/workspace.ts';
import type { LayerFile, SourceBlob } from './layer-digests.ts';
import type { FrameSource, LayerTask, StoredFrame } from './layer-worker.ts';
import type { LayerBlob, LayerContent } from './read-back.ts';

/** A frame of zstd:chunked has a JSON blob with its index besides. */
export interface MadeFrame extends Blob {
  index?: Digest;
}

export interface MadeLayer extends Blob {
  diffID: string;
  annotations?: Record<string, string>;
  /** Blob with one line of JSON for each entry of the tar stream. */
  listing: Digest;
}

/** The input of a frame: a package file, and where its files lie in the layer. */
export interface FrameInput {
  path: string;
  places: PlacedFile[];
}

export interface LayerInput {
  frames: readonly (FrameInput | MadeFrame)[];
  compression: Compression;
  /** The directory entries of the layer; absent if only the frames are wanted. */
  head?: { bytes: Buffer; index: ChunkIndex | undefined };
}

export interface LayerOutput {
  /** In the order of the input. */
  frames: MadeFrame[];
  layer?: MadeLayer;
}

const word = z.string();
const nothing = z.object({});
const readSchema = z.object({ diffID: z.string().regex(/^sha256:[0-9a-f]{64}$/) });
const annotation = z.string().startsWith(chunkedPrefix);
const madeSchema = readSchema.extend({ annotations: z.record(annotation, word).optional() });
const fileSchema = z.object({
  path: word,
  sha1: word.optional(),
  sha256: word.optional(),
  linkTarget: word.optional(),
});

const module = join(import.meta.dirname, `layer-worker${extname(import.meta.filename)}`);

/** Each worker takes about 80 MiB of memory. */
const maxWorkers = 6;
/** Compressed bytes for each process: reading them takes as long as starting it. */
const bytesPerWorker = 4 * 1024 * 1024;

/**
 * Buffers that pass through count as garbage of the heap, which is small. With V8's defaults, garbage collection took
 * as long as compression, and the young generation three times the memory that it needs.
 */
const flags = ['--initial-heap-size=32', '--max-semi-space-size=4', '--semi-space-growth-factor=1'];

export class LayerWorkers {
  readonly #context: Context;
  readonly #scratch: string;
  readonly #workers: Workers<LayerTask>;
  #named = 0;

  private constructor(context: Context, scratch: string, bytes: number) {
    const blobs = join(context.content.directory, 'blobs');
    this.#context = context;
    this.#scratch = scratch;
    this.#workers = new Workers({
      module,
      flags,
      maxCount: Math.min(availableParallelism(), maxWorkers, Math.ceil(bytes / bytesPerWorker) || 1),
      reach: { reads: [blobs], writes: scratch },
    });
  }

  /**
   * @param scratch a directory to be created, on the file system of the content store
   * @param bytes the compressed size of all that is to be read
   */
  static async open(context: Context, scratch: string, bytes: number): Promise<LayerWorkers> {
    await mkdir(scratch, { mode: 0o700 });
    return new LayerWorkers(context, scratch, bytes);
  }

  /** Makes frames from packages, and a layer from the frames, in the content store. */
  async make({ frames, compression, head }: LayerInput, signal?: AbortSignal): Promise<LayerOutput> {
    const places = frames.map((frame) => this.#placeOf(frame));
    const take = async (): Promise<MadeFrame[]> => {
      const made: MadeFrame[] = [];
      for (const [at, frame] of frames.entries()) {
        const place = places[at]!;
        made.push('frame' in place ? await this.#takeFrame(place, compression) : (frame as MadeFrame));
      }
      return made;
    };
    const task = { kind: 'make' as const, frames: places, compression };
    if (!head) {
      await this.#run(task, nothing, signal);
      return { frames: await take() };
    }
    const layer = {
      head: { ...head, bytes: head.bytes.toString('base64') },
      to: this.#fresh(),
      listing: this.#fresh(),
    };
    const { diffID, annotations } = await this.#run({ ...task, layer }, madeSchema, signal);
    const made = { diffID, ...(annotations && { annotations }) };
    const listing = (await this.#take(layer.listing)).digest;
    return { frames: await take(), layer: { ...(await this.#take(layer.to)), ...made, listing } };
  }

  /** Returns what a blob of the store unpacks to. Throws LAYERS_DIFFER, BLOB_CORRUPT. */
  async read(blob: LayerBlob, signal?: AbortSignal): Promise<LayerContent> {
    const listing = this.#fresh();
    const path = await this.#context.content.use(blob.digest);
    const { diffID } = await this.#run({ kind: 'read', path, blob, listing }, readSchema, signal);
    // The worker is not trusted: follow no link, and do not block on a pipe.
    await using handle = await open(
      listing,
      constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK,
    );
    const entries = await parseListing(handle.createReadStream({ encoding: 'utf8', autoClose: false }));
    await rm(listing);
    return { diffID, listing: entries };
  }

  /** Throws LAYER_INVALID, LAYERS_DIFFER, BLOB_CORRUPT. */
  async digests(digest: Digest, mediaType: string): Promise<LayerFile[]> {
    const path = await this.#context.content.use(digest);
    const task = { kind: 'digest' as const, blob: { path, digest }, mediaType };
    return this.#run(task, z.array(fileSchema), this.#context.signal);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#workers[Symbol.asyncDispose]();
  }

  /** A corrupt blob is removed from the store, as it is for readers in this process. */
  async #run<Answer>(
    task: LayerTask,
    form: z.ZodType<Answer>,
    signal: AbortSignal | undefined,
  ): Promise<Answer> {
    try {
      return await this.#workers.run(task, form, signal);
    } catch (error) {
      const digest =
        error instanceof MillinerError && error.code === 'BLOB_CORRUPT' && error.details['digest'];
      if (typeof digest === 'string' && isDigest(digest)) await this.#context.content.verify(digest);
      throw error;
    }
  }

  #fresh(): string {
    return join(this.#scratch, String(this.#named++));
  }

  #blob(digest: Digest): SourceBlob {
    return { path: this.#context.content.path(digest), digest };
  }

  #placeOf(frame: FrameInput | MadeFrame): FrameSource | StoredFrame {
    if (!('digest' in frame)) return { ...frame, frame: this.#fresh(), index: this.#fresh() };
    return { bytes: this.#blob(frame.digest), ...(frame.index && { index: this.#blob(frame.index) }) };
  }

  async #takeFrame(place: FrameSource, { kind }: Compression): Promise<MadeFrame> {
    const blob = await this.#take(place.frame);
    return kind === 'zstd:chunked' ? { ...blob, index: (await this.#take(place.index)).digest } : blob;
  }

  #take(path: string): Promise<Blob> {
    return this.#context.content.ingestFile(path, { consume: true });
  }
}

/** For callers without a workspace of their own. */
export function withLayerWorkers<T>(
  context: Context,
  layers: readonly { size: number }[],
  fn: (workers: LayerWorkers) => Promise<T>,
): Promise<T> {
  return withWorkspace(context.state, async ({ directory }) => {
    const bytes = layers.reduce((sum, { size }) => sum + size, 0);
    await using workers = await LayerWorkers.open(context, join(directory, 'layers'), bytes);
    return await fn(workers);
  });
}
