/** Which faults are planted: all that the layer writer's code has places for, or a sample of them. */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { checkout } from '../../../helpers/milliner.ts';
import { generator, type Random } from '../../../helpers/random.ts';
import { cppPointsOf, refusing } from './cpp-points.ts';
import { pointsOf, type Point } from './points.ts';
import { kinds, type Kind, type Subject } from './scene.ts';

/** A folder of the checkout, and which of its files take part in writing layers: new ones are taken in by their names. */
interface Place {
  folder: string;
  files: RegExp;
}

const script: Place[] = [
  ...['compress', 'compress/chunked', 'diff', 'packages', 'tar', 'write'].map((name) => ({
    folder: `dist/stages/layer/${name}`,
    files: /\.js$/,
  })),
  { folder: 'dist/pipeline/base', files: /layer.*\.js$/ },
  { folder: 'dist/pipeline/build', files: /layers\.js$/ },
  { folder: 'dist/pipeline/state', files: /layer.*\.js$/ },
];
const engine: Place[] = [{ folder: 'native/layer', files: /\.(?:cc|h)$/ }];

/** Nothing of an image is made in these. */
const spared: Record<string, string> = {
  'dist/stages/layer/compress/chunks.js': 'cuts what is read of others',
  'dist/stages/layer/compress/chunked/check-chunked.js': 'a check, which has to find the faults',
  'dist/stages/layer/compress/chunked/crc64.js': 'of that check',
  'dist/stages/layer/packages/plan-layers.js': 'plans layers for a lock, which is there',
  'dist/stages/layer/tar/listing.js': 'reads what the checks compare',
  'dist/stages/layer/tar/reader.js': 'reads layers of others',
  'dist/stages/layer/tar/tar-header.js': 'of that reader',
  'dist/pipeline/base/layer-digests.js': 'reads layers for bills of materials',
  'dist/pipeline/base/unpack-layers.js': 'unpacks layers of others',
  'native/layer/node_libraries.h': 'declares what Node has',
  'native/layer/tar_lister.cc': 'a check, which has to find the faults',
  'native/layer/tar_lister.h': 'of that check',
  'native/layer/tree_sink.cc': 'unpacks the tool root',
  'native/layer/tree_sink.h': 'of that',
};

export interface Planned {
  point: Point;
  subject: Subject;
}

export interface Points {
  script: Point[];
  engine: Point[];
}

/** Throws where a file or folder of the lists above is missing. */
export function allPoints(): Points {
  const files = (places: Place[]) => places.flatMap(filesOf);
  const [scripts, sources] = [files(script), files(engine)];
  for (const file of Object.keys(spared)) text(file);
  const isTaken = (file: string) => spared[file] === undefined;
  const refusals = new Set(
    [...sources, ...filesOf({ folder: 'native/system', files: /\.h$/ })].flatMap((file) =>
      refusing(text(file)),
    ),
  );
  return {
    script: scripts.filter(isTaken).flatMap((file) => pointsOf(file, text(file))),
    engine: sources.filter(isTaken).flatMap((file) => cppPointsOf(file, text(file), refusals)),
  };
}

const text = (file: string) => readFileSync(join(checkout, file), 'utf8');

function filesOf({ folder, files }: Place): string[] {
  const names = readdirSync(join(checkout, folder)).filter((name) => files.test(name));
  if (names.length === 0) throw new Error(`${folder} has no file like ${files}`);
  return names.toSorted().map((name) => `${folder}/${name}`);
}

/** Half of them in the engine; `others` of it stand in for those that do not compile. */
export function sample(
  points: Points,
  seed: number,
  count: number,
): { planned: Planned[]; others: Planned[] } {
  const random = generator(seed);
  const half = Math.ceil(count / 2);
  const [first, second, others] = [
    drawn([...points.script], count - half, random),
    ...halves(drawn([...points.engine], 2 * half, random)),
  ];
  return { planned: [...first, ...second], others };
}

function halves<T>(all: readonly T[]): [T[], T[]] {
  const middle = Math.ceil(all.length / 2);
  return [all.slice(0, middle), all.slice(middle)];
}

function drawn(from: Point[], count: number, random: Random): Planned[] {
  return Array.from({ length: Math.min(count, from.length) }, () => {
    const [point] = from.splice(random(from.length), 1) as [Point];
    return { point, subject: subjectFor(point, random) };
  });
}

function subjectFor(point: Point, random: Random): Subject {
  return { kind: kindFor(point, random), isAlone: random(2) === 0 };
}

/** What is written for one compression alone shows there alone; most of the rest is the same for all. */
function kindFor({ file }: Point, random: Random): Kind {
  if (/chunk|content_splitter/.test(file)) return 'zstd:chunked';
  const often: Kind[] = ['zstd', 'zstd', 'zstd'];
  return [...often, ...kinds][random(often.length + kinds.length)]!;
}
