/** The frames of an image's packages: made on all cores while rpm is at work, or found where a build has left them. */
import { availableParallelism } from 'node:os';
import type { Blob } from '../content/digest.ts';
import { inParallel } from '../host/parallel.ts';
import { compressed, type Compression } from '../layer/compress.ts';
import { frameKey, frameTar } from '../layer/frame.ts';
import type { PredictedPackage } from '../layer/predict.ts';
import type { Context } from './context.ts';
import { recall, remember } from './parts.ts';

export interface Frame extends Blob {
  key: string;
}

/** Those that are certain before the transaction; what is not counts when its outcome is known. */
export function beginFrames(
  context: Context,
  packages: readonly PredictedPackage[],
  compression: Compression,
): { done: Promise<unknown>; [Symbol.asyncDispose](): Promise<void> } {
  const stop = new AbortController();
  const signal = context.signal ? AbortSignal.any([context.signal, stop.signal]) : stop.signal;
  const certain = packages.filter(({ isCertain }) => isCertain);
  const done = ensureFrames({ ...context, signal }, certain, compression);
  // Whoever waits for it hears of it; a transaction that failed first is the better reason.
  done.catch(() => undefined);
  return {
    done,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await done.catch(() => undefined);
    },
  };
}

/** In the order of the packages. */
export async function ensureFrames(
  context: Context,
  packages: readonly PredictedPackage[],
  compression: Compression,
): Promise<Frame[]> {
  // The largest first, so that none is left alone at the end.
  const order = [...packages.keys()].toSorted((a, b) => sizeOf(packages[b]!) - sizeOf(packages[a]!));
  const made = await inParallel(order, availableParallelism(), context.signal, (index, signal) =>
    ensureFrame({ ...context, signal }, packages[index]!, compression),
  );
  const frames: Frame[] = [];
  for (const [at, index] of order.entries()) frames[index] = made[at]!;
  return frames;
}

const sizeOf = (one: PredictedPackage): number => one.package.payload.size;

async function ensureFrame(
  context: Context,
  one: PredictedPackage,
  compression: Compression,
): Promise<Frame> {
  const key = frameKey(one, compression);
  const there = await recall<Blob>(context, 'frames', key);
  if (there) return { ...there, key };
  const blob = await context.content.ingestStream(compressed(frameTar(one, context.signal), compression), {});
  await remember(context, 'frames', key, blob);
  return { ...blob, key };
}
