/** Which faults are planted: all that the layer writer's code has places for, or a sample of them. */
import { readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { checkout } from '../../../helpers/milliner.ts';
import { generator, type Random } from '../../../helpers/random.ts';
import { pointsOf, type Point } from './points.ts';
import { kinds, type Kind } from './scene.ts';

const writers = [
  ...[
    'compress/chunks',
    'compress/compress',
    'compress/encode',
    'diff/changes',
    'diff/layer-members',
    'diff/split-state',
    'packages/directories',
    'packages/frame',
    'packages/predict',
    'tar/entry',
    'tar/writer',
  ].map((name) => `stages/layer/${name}.js`),
  ...[
    'base/layer-worker',
    'build/package-layers',
    'build/predict-layers',
    'build/write-layers',
    'state/layer-cache',
  ].map((name) => `pipeline/${name}.js`),
];

const chunkedPlace = 'stages/layer/compress/chunked';

export interface Planned {
  point: Point;
  kind: Kind;
}

export async function allPoints(): Promise<Point[]> {
  const dist = join(checkout, 'dist');
  const chunked = (await readdir(join(dist, chunkedPlace))).filter(
    // The check is what has to find the faults.
    (name) => name.endsWith('.js') && name !== 'check-chunked.js',
  );
  const files = [...writers, ...chunked.toSorted().map((name) => `${chunkedPlace}/${name}`)];
  return files.flatMap((file) => pointsOf(file, readFileSync(join(dist, file), 'utf8')));
}

export function sample(points: readonly Point[], seed: number, count: number): Planned[] {
  const random = generator(seed);
  const left = [...points];
  return Array.from({ length: Math.min(count, left.length) }, () => {
    const [point] = left.splice(random(left.length), 1) as [Point];
    return { point, kind: kindFor(point, random) };
  });
}

/** What is written for one compression alone shows there alone; most of the rest is the same for all. */
function kindFor({ file }: Point, random: Random): Kind {
  if (file.startsWith(`${chunkedPlace}/`)) return 'zstd:chunked';
  const often: Kind[] = ['zstd', 'zstd', 'zstd'];
  return [...often, ...kinds][random(often.length + kinds.length)]!;
}
