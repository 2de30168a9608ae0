/** Which faults are planted: all that the layer writer's code has places for, or a sample of them. */
import { readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { checkout } from '../../cli/milliner.ts';
import { generator, type Random } from '../../mutate/random.ts';
import { pointsOf, type Point } from './points.ts';
import { kinds, type Kind } from './scene.ts';

const writers = [
  ...['changes', 'compress', 'directories', 'encode', 'entry', 'frame', 'gather', 'predict', 'split', 'tar']
    .concat('write')
    .map((name) => `layer/${name}.js`),
  ...['layers', 'layerthread', 'packagelayers', 'parts', 'prediction'].map((name) => `pipeline/${name}.js`),
];

export interface Planned {
  point: Point;
  kind: Kind;
}

export async function allPoints(): Promise<Point[]> {
  const dist = join(checkout, 'dist');
  const chunked = (await readdir(join(dist, 'layer', 'chunked'))).filter(
    // The check is what has to find the faults.
    (name) => name.endsWith('.js') && name !== 'check.js',
  );
  const files = [...writers, ...chunked.toSorted().map((name) => `layer/chunked/${name}`)];
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
  if (file.startsWith('layer/chunked/')) return 'zstd:chunked';
  const often: Kind[] = ['zstd', 'zstd', 'zstd'];
  return [...often, ...kinds][random(often.length + kinds.length)]!;
}
