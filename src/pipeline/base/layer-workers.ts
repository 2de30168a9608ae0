/**
 * Runs a confined process that reads packages and layers, on all cores, and moves its results into the content store.
 */
import { constants } from 'node:fs';
import { mkdir, open, rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { extname, join } from 'node:path';
import { z } from 'zod';
import { MillinerError } from '../../lib/errors/error.ts';
import { Workers } from '../../lib/host/workers.ts';
import { isDigest, type Blob, type Digest } from '../../lib/oci/digest.ts';
import { chunkedPrefix } from '../../stages/layer/compress/chunked/trailer.ts';
import type { Compression } from '../../stages/layer/compress/compress.ts';
import type { PredictedPackage } from '../../stages/layer/packages/predict.ts';
import { parseListing, type ListedEntry } from '../../stages/layer/tar/listing.ts';
import { SegmentBytes, type TreeMember } from '../../stages/layer/write/segment-bytes.ts';
import type { LayerBlob, LayerFiles } from '../../stages/layer/write/write-layer.ts';
import type { Context } from '../state/context.ts';
import { withWorkspace } from '../state/workspace.ts';
import type { LayerFile } from './layer-digests.ts';
import type { LayerTask, MakeTask } from './layer-worker.ts';

export interface LayerContent {
  diffID: Digest;
  listing: ListedEntry[];
}

/** The compressed files of a package, in the layer that they were made for. */
export interface Frame extends Blob {
  offset: number;
  /** For zstd:chunked, a JSON blob. */
  index?: Digest;
}

export interface MadeLayer extends Blob {
  diffID: string;
  annotations?: Record<string, string>;
  /** Blob with one line of JSON for each entry of the tar stream. */
  listing: Digest;
}

export interface LayerInput {
  /** Entries of directories, which come first. */
  head: Iterable<TreeMember>;
  packages: readonly (Frame | PredictedPackage)[];
  compression: Compression;
}

export interface LayerOutput {
  layer: MadeLayer;
  /** One for each package of the input. */
  frames: Frame[];
}

const word = z.string();
const digestSchema = z.custom<Digest>(isDigest);
const listedSchema = z.object({ diffID: digestSchema });
const annotation = z.string().startsWith(chunkedPrefix);
const place = z.object({ offset: z.int().min(0), size: z.int().min(0) });
const madeSchema = listedSchema.extend({
  digest: digestSchema,
  annotations: z.record(annotation, word).optional(),
  segments: z.array(place),
});
const fileSchema = z.object({
  path: word,
  sha1: word.optional(),
  sha256: word.optional(),
  linkTarget: word.optional(),
});

const module = join(import.meta.dirname, `layer-worker${extname(import.meta.filename)}`);

/** Each thread takes about 40 MiB of memory. */
const maxThreads = 6;

export class LayerWorkers {
  readonly #context: Context;
  readonly #scratch: string;
  readonly #workers: Workers<LayerTask>;
  #named = 0;

  private constructor(context: Context, scratch: string) {
    const blobs = join(context.content.directory, 'blobs');
    this.#context = context;
    this.#scratch = scratch;
    const threads = Math.min(availableParallelism(), maxThreads);
    this.#workers = new Workers({
      module,
      maxCount: 1,
      threads,
      reach: { reads: [blobs], writes: scratch },
    });
  }

  /** @param scratch a directory to be created, on the file system of the content store */
  static async open(context: Context, scratch: string): Promise<LayerWorkers> {
    await mkdir(scratch, { mode: 0o700 });
    return new LayerWorkers(context, scratch);
  }

  /** Makes a layer from packages and frames, in the content store. Throws as writeLayer does. */
  async make({ head, packages, compression }: LayerInput, signal?: AbortSignal): Promise<LayerOutput> {
    const segments = new SegmentBytes().members(head);
    const indexes: MakeTask['indexes'] = [{ to: this.#fresh() }];
    for (const one of packages) {
      if (!('digest' in one)) segments.package(one);
      else segments.stored({ ...one, path: this.#context.content.path(one.digest) });
      const stored = 'digest' in one && one.index ? this.#context.content.path(one.index) : undefined;
      indexes.push(stored === undefined ? { to: this.#fresh() } : { stored });
    }
    const isChunked = compression.kind === 'zstd:chunked';
    const files = this.#freshFiles();
    const task = { segments: segments.bytes().toString('base64'), compression, files };
    const made = await this.#run(
      { kind: 'make', ...task, indexes: isChunked ? indexes : [] },
      madeSchema,
      signal,
    );
    for (const [at, one] of packages.entries())
      if ('digest' in one && one.size !== made.segments[at + 1]?.size)
        throw new MillinerError('LAYERS_DIFFER', `a layer holds another part of ${one.digest} than it is to`);
    const layer = await this.#takeLayer(files, made);
    const frames: Frame[] = [];
    for (const [at, one] of packages.entries()) {
      const { to } = indexes[at + 1]!;
      const index = isChunked && to !== undefined ? (await this.#take(to)).digest : undefined;
      const where = { digest: layer.digest, ...made.segments[at + 1]! };
      frames.push('digest' in one ? one : { ...where, ...(index && { index }) });
    }
    return { layer, frames };
  }

  /** What a blob of the store unpacks to. Throws LAYERS_DIFFER, BLOB_CORRUPT. */
  async list(blob: LayerBlob, signal?: AbortSignal): Promise<LayerContent> {
    const { listing } = this.#freshFiles();
    const files = { layer: await this.#context.content.use(blob.digest), listing };
    const { diffID } = await this.#run({ kind: 'list', blob, files }, listedSchema, signal);
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
      const corrupt =
        error instanceof MillinerError && error.code === 'BLOB_CORRUPT' && error.details['digest'];
      if (typeof corrupt === 'string' && isDigest(corrupt)) await this.#context.content.verify(corrupt);
      throw error;
    }
  }

  #fresh(): string {
    return join(this.#scratch, String(this.#named++));
  }

  #freshFiles(): LayerFiles {
    return { layer: this.#fresh(), listing: this.#fresh() };
  }

  async #takeLayer(files: LayerFiles, made: z.output<typeof madeSchema>): Promise<MadeLayer> {
    const blob = await takeLayer(this.#context, files.layer, made.digest);
    const { diffID, annotations } = made;
    const listing = (await this.#take(files.listing)).digest;
    return { ...blob, diffID, ...(annotations && { annotations }), listing };
  }

  #take(path: string): Promise<Blob> {
    return this.#context.content.ingestFile(path, { consume: true });
  }
}

/** The file holds what was to be written, or it is no layer. Throws LAYERS_DIFFER. */
export async function takeLayer({ content }: Context, path: string, digest: Digest): Promise<Blob> {
  const blob = await content.ingestFile(path, { consume: true });
  if (blob.digest === digest) return blob;
  throw new MillinerError('LAYERS_DIFFER', `a layer was written as ${blob.digest}, and is to be ${digest}`);
}

/** For callers without a workspace of their own. */
export function withLayerWorkers<T>(context: Context, fn: (workers: LayerWorkers) => Promise<T>): Promise<T> {
  return withWorkspace(context.state, async ({ directory }) => {
    await using workers = await LayerWorkers.open(context, join(directory, 'layers'));
    return await fn(workers);
  });
}
