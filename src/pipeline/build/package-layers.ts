/**
 * Makes the layers of an image's packages on all cores while rpm runs, as they are predicted, or finds them in the
 * cache. If rpm's result differs from the prediction, the layer's key differs, and the layer is made again.
 */
import { createHash } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { inParallel } from '../../lib/host/parallel.ts';
import type { Digest } from '../../lib/oci/digest.ts';
import type { ImageLayer } from '../../stages/image/image.ts';
import { mediaTypes, type Compression } from '../../stages/layer/compress/compress.ts';
import { directoryMembers, frameKey } from '../../stages/layer/packages/frame.ts';
import type { PredictedPackage } from '../../stages/layer/packages/predict.ts';
import type { TreeEntry } from '../../stages/layer/tree.ts';
import { SegmentBytes, type TreeMember } from '../../stages/layer/write/segment-bytes.ts';
import type { Frame, LayerWorkers, MadeLayer } from '../base/layer-workers.ts';
import { sayingWhich } from '../packages/error-names.ts';
import type { Context } from '../state/context.ts';
import { recall, remember } from '../state/layer-cache.ts';

export interface PackageLayer {
  name: string;
  packages: PredictedPackage[];
  /** The directories that its packages own and those above its files, by path. */
  directories: TreeEntry[];
  /** False if an owner has no number yet. */
  isCertain: boolean;
}

type WrittenLayer = Omit<ImageLayer, 'recipe'>;

/** With the blob of its listing. */
export interface ListedLayer {
  layer: WrittenLayer;
  listing: Digest;
}

/** Increased with every change of what is made of the same frames. */
const format = 5;

export class PackageLayers {
  readonly #context: Context;
  readonly #compression: Compression;
  readonly #workers: LayerWorkers;
  readonly #stop = new AbortController();
  #begun: Promise<unknown> = Promise.resolve();

  constructor(context: Context, compression: Compression, workers: LayerWorkers) {
    this.#context = context;
    this.#compression = compression;
    this.#workers = workers;
  }

  /** Starts to make the layers and frames that are certain now. */
  begin(expected: readonly PackageLayer[]): void {
    const work = async (layer: PackageLayer, signal: AbortSignal) => {
      const certain = layer.packages.filter(({ isCertain }) => isCertain);
      const keys = certain.map((one) => frameKey(one, this.#compression));
      if (layer.isCertain) await this.#one(layer, signal);
      else if (certain.length > 0) await this.#make([], certain, keys, signal);
    };
    this.#begun = this.#begun.then(() => this.#inTurn(expected, work));
    // The error is reported by the caller that awaits `all`. If the transaction fails first, its error is the better
    // one.
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
  }

  /** Starts with the largest, so that no long task runs alone at the end. */
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
    const head = [...directoryMembers(directories)];
    const frameKeys = packages.map((one) => frameKey(one, this.#compression));
    const keys = createHash('sha256').update(`${format} `).update(new SegmentBytes().members(head).bytes());
    for (const key of frameKeys) keys.update(key);
    const key = keys.digest('hex');
    let made = await recall<MadeLayer>(this.#context, 'layers', key);
    if (!made) {
      made = await this.#make(head, packages, frameKeys, signal);
      await remember(this.#context, 'layers', key, made);
    }
    const { listing, ...layer } = made;
    const nevras = packages.map((one) => one.package.nevra).toSorted();
    const mediaType = mediaTypes[this.#compression.kind];
    return { layer: { ...layer, mediaType, holds: name, packages: nevras }, listing };
  }

  async #make(
    head: readonly TreeMember[],
    packages: readonly PredictedPackage[],
    keys: readonly string[],
    signal: AbortSignal,
  ): Promise<MadeLayer> {
    const there = await Promise.all(keys.map((key) => recall<Frame>(this.#context, 'frames', key)));
    const input = {
      head,
      packages: packages.map((one, index) => there[index] ?? one),
      compression: this.#compression,
    };
    const described = packages.map((one) => one.package);
    const { layer, frames } = await sayingWhich(described, () => this.#workers.make(input, signal));
    for (const [index, frame] of frames.entries()) {
      if (!there[index]) await remember(this.#context, 'frames', keys[index]!, frame);
    }
    return layer;
  }
}
