/** The frames of an image's packages: made on all cores while rpm is at work, or found where a build has left them. */
import { availableParallelism } from 'node:os';
import { extname, join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { inParallel } from '../host/parallel.ts';
import { Threads } from '../host/threads.ts';
import type { Compression } from '../layer/compress.ts';
import { frameKey } from '../layer/frame.ts';
import type { PredictedPackage } from '../layer/predict.ts';
import type { Context } from './context.ts';
import type { LayerThreadTask, MadeFrame, MadeLayer } from './layerthread.ts';
import { sayingWhich } from './named.ts';
import { recall, remember } from './parts.ts';

export interface Frame extends MadeFrame {
  key: string;
}

export type LayerThreads = Threads<LayerThreadTask, MadeFrame | MadeLayer>;

const thread = join(import.meta.dirname, `layerthread${extname(import.meta.filename)}`);
/** Each takes some 50 MiB. */
const mostThreads = 6;

export function layerThreads({ content }: Context): LayerThreads {
  const count = Math.min(availableParallelism(), mostThreads);
  // What passes through a thread counts as garbage of its heap, which is small: with V8's own idea of when to collect
  // that, collecting took as long as compressing. Only heaps made from now on are concerned.
  setFlagsFromString('--initial-heap-size=64');
  return new Threads(thread, count, { directory: content.directory });
}

export class Frames {
  readonly #context: Context;
  readonly #threads: LayerThreads;
  readonly #compression: Compression;
  readonly #stop = new AbortController();
  #begun: Promise<unknown> = Promise.resolve();

  constructor(context: Context, threads: LayerThreads, compression: Compression) {
    this.#context = context;
    this.#threads = threads;
    this.#compression = compression;
  }

  /** Makes those that are certain before the transaction; what is not counts when its outcome is known. */
  begin(packages: readonly PredictedPackage[]): void {
    this.#begun = this.#ensure(packages.filter(({ isCertain }) => isCertain));
    // Whoever waits for it hears of it; a transaction that failed first is the better reason.
    this.#begun.catch(() => undefined);
  }

  /** In the order of the packages. */
  async all(packages: readonly PredictedPackage[]): Promise<Frame[]> {
    await this.#begun;
    return this.#ensure(packages);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#begun.catch(() => undefined);
  }

  async #ensure(packages: readonly PredictedPackage[]): Promise<Frame[]> {
    // The largest first, so that none is left alone at the end.
    const sizeOf = (index: number) => packages[index]!.package.payload.size;
    const order = [...packages.keys()].toSorted((a, b) => sizeOf(b) - sizeOf(a));
    const { signal } = this.#context;
    const stop = signal ? AbortSignal.any([signal, this.#stop.signal]) : this.#stop.signal;
    const made = await inParallel(order, availableParallelism(), stop, (index, abort) =>
      this.#one(packages[index]!, abort),
    );
    const frames: Frame[] = [];
    for (const [at, index] of order.entries()) frames[index] = made[at]!;
    return frames;
  }

  async #one(one: PredictedPackage, signal: AbortSignal): Promise<Frame> {
    const compression = this.#compression;
    const key = frameKey(one, compression);
    const there = await recall<MadeFrame>(this.#context, 'frames', key);
    if (there) return { ...there, key };
    const { places } = one;
    const { path, nevra } = one.package;
    const task = { kind: 'frame', path, places, compression } as const;
    const blob = await sayingWhich(path, nevra, () => this.#threads.run(task, signal));
    await remember(this.#context, 'frames', key, blob);
    return { ...blob, key };
  }
}
