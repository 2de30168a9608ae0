/**
 * The layers of an image's packages: made on all cores while rpm is at work, as they are expected to be, or found where
 * a build has left them. What rpm has made otherwise shows in a layer's key, and is made again.
 */
import { createHash } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { extname, join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { setFlagsFromString } from 'node:v8';
import { inParallel } from '../host/parallel.ts';
import { Threads } from '../host/threads.ts';
import type { ImageLayer } from '../image/image.ts';
import { mediaTypes, type Compression } from '../layer/compress.ts';
import type { Digest } from '../content/digest.ts';
import { encodePiece } from '../layer/encode.ts';
import { directoryParts, frameKey } from '../layer/frame.ts';
import type { PredictedPackage } from '../layer/predict.ts';
import type { TreeEntry } from '../layer/tree.ts';
import type { Context } from './context.ts';
import type { LayerAnswer, LayerHead, LayerTask, MadeFrame, MadeLayer } from './layerthread.ts';
import { sayingWhich } from './named.ts';
import { recall, remember } from './parts.ts';

export interface PackageLayer {
  name: string;
  packages: PredictedPackage[];
  /** What its packages own and what leads to their files, by path. */
  directories: TreeEntry[];
  /** False where an owner has no number yet. */
  isCertain: boolean;
}

export type WrittenLayer = Omit<ImageLayer, 'recipe'>;

/** With the blob that lists what it holds. */
export interface ListedLayer {
  layer: WrittenLayer;
  listing: Digest;
}

const thread = join(import.meta.dirname, `layerthread${extname(import.meta.filename)}`);
/** Raised with every change of what is made of the same frames. */
const format = 4;

/** Each takes some 50 MiB. */
const mostThreads = 6;

/**
 * Of the threads' heaps, which are made after this. What passes through a thread counts as garbage of its heap, which is
 * small: with V8's own idea of when to collect that, collecting took as long as compressing. Its idea of how much room
 * young objects need took three times what they do. The last is for the main thread's as well.
 */
const heapFlags = ['--initial-heap-size=32', '--max-semi-space-size=4', '--semi-space-growth-factor=1'];

export class PackageLayers {
  readonly #context: Context;
  readonly #compression: Compression;
  readonly #threads: Threads<LayerTask, LayerAnswer>;
  readonly #stop = new AbortController();
  #begun: Promise<unknown> = Promise.resolve();

  constructor(context: Context, compression: Compression) {
    this.#context = context;
    this.#compression = compression;
    for (const flag of heapFlags) setFlagsFromString(flag);
    const { directory } = context.content;
    this.#threads = new Threads(thread, Math.min(availableParallelism(), mostThreads), { directory });
  }

  /** Goes on with what is certain now. */
  begin(expected: readonly PackageLayer[]): void {
    const work = async (layer: PackageLayer, signal: AbortSignal) => {
      const certain = layer.packages.filter(({ isCertain }) => isCertain);
      if (layer.isCertain) await this.#one(layer, signal);
      else if (certain.length > 0) await this.#make(certain, undefined, signal);
    };
    this.#begun = this.#begun.then(() => this.#inTurn(expected, work));
    // Whoever waits for it hears of it; a transaction that failed first is the better reason.
    this.#begun.catch(() => undefined);
  }

  /** In the order of the layers. */
  async all(layers: readonly PackageLayer[]): Promise<ListedLayer[]> {
    await this.#begun;
    return this.#inTurn(layers, (layer, signal) => this.#one(layer, signal));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#begun.catch(() => undefined);
    await this.#threads[Symbol.asyncDispose]();
  }

  /** The largest first, so that none is left alone at the end. */
  async #inTurn<T>(
    layers: readonly PackageLayer[],
    work: (layer: PackageLayer, signal: AbortSignal) => Promise<T>,
  ): Promise<T[]> {
    const sizes = layers.map(({ packages }) =>
      packages.reduce((sum, one) => sum + one.package.payload.size, 0),
    );
    const order = [...layers.keys()].toSorted((a, b) => sizes[b]! - sizes[a]!);
    const { signal } = this.#context;
    const stop = signal ? AbortSignal.any([signal, this.#stop.signal]) : this.#stop.signal;
    const done = await inParallel(order, availableParallelism(), stop, (index, abort) =>
      work(layers[index]!, abort),
    );
    const results: T[] = [];
    for (const [at, index] of order.entries()) results[index] = done[at]!;
    return results;
  }

  async #one({ name, packages, directories }: PackageLayer, signal: AbortSignal): Promise<ListedLayer> {
    const head = await this.#head(directories);
    const keys = createHash('sha256').update(`${format} `).update(head.bytes);
    for (const one of packages) keys.update(frameKey(one, this.#compression));
    const key = keys.digest('hex');
    let made = await recall<MadeLayer>(this.#context, 'layers', key);
    if (!made) {
      made = (await this.#make(packages, head, signal)).layer!;
      await remember(this.#context, 'layers', key, made);
    }
    const { listing, ...layer } = made;
    return { layer: { ...layer, mediaType: mediaTypes[this.#compression.kind], holds: name }, listing };
  }

  async #head(directories: readonly TreeEntry[]): Promise<LayerHead> {
    const { bytes, index } = encodePiece(directoryParts(directories), this.#compression);
    return { bytes: await buffer(bytes), index };
  }

  async #make(
    packages: readonly PredictedPackage[],
    head: LayerHead | undefined,
    signal: AbortSignal,
  ): Promise<LayerAnswer> {
    const compression = this.#compression;
    const keys = packages.map((one) => frameKey(one, compression));
    const there = await Promise.all(keys.map((key) => recall<MadeFrame>(this.#context, 'frames', key)));
    const frames = packages.map(({ package: { path }, places }, index) => there[index] ?? { path, places });
    const task: LayerTask = { ...(head && { head }), frames, compression };
    const described = packages.map((one) => one.package);
    const answer = await sayingWhich(described, () => this.#threads.run(task, signal));
    for (const [index, frame] of answer.frames.entries()) {
      if (!there[index]) await remember(this.#context, 'frames', keys[index]!, frame);
    }
    return answer;
  }
}
