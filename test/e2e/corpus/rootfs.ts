/**
 * Sets of packages that the real rpm installed, scriptlets included: our pipeline locks and builds the same set, and
 * the image's layers, unpacked, are held against that tree path by path. Only what normalisation documents may differ.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MillinerError } from '../../../src/lib/errors/error.ts';
import { hostArch } from '../../../src/lib/host/arch.ts';
import { silent } from '../../../src/lib/host/progress.ts';
import { build } from '../../../src/pipeline/build/build.ts';
import { lock } from '../../../src/pipeline/lock/lock.ts';
import { openContext, type Context } from '../../../src/pipeline/state/context.ts';
import type { ImageRecord } from '../../../src/pipeline/state/image-records.ts';
import { attempt, compared, type Corpus, type Kind, type Outcome } from './outcome.ts';
import { placesOf, type Found } from './packages.ts';
import { allowing, writeRecipe } from './rootfs-recipe.ts';
import { ruleFor } from './rootfs-rules.ts';
import { readTable, treeOf, type Row } from './rootfs-tree.ts';

const suffix = '-rootfs-scripts.tsv.gz';

export const rootfs: Kind = {
  name: 'rootfs',
  async *outcomes(corpus) {
    for (const file of corpus.files.filter((name) => name.endsWith(suffix))) {
      const stem = file.slice(0, -suffix.length);
      const text = await readFile(join(corpus.directory, `${stem}.nevra`), 'utf8');
      const wanted = text.split('\n').filter((line) => line !== '');
      const places = await placesOf(corpus, wanted);
      const why = notApplicable(wanted, places);
      if (why === undefined) yield* holdSet(corpus, stem, wanted, places);
      else yield { subject: stem, result: 'not applicable', reason: why };
    }
  },
};

function notApplicable(wanted: readonly string[], places: readonly Found[]): string | undefined {
  if (places.length < wanted.length) return 'the corpus lacks packages of the set';
  const foreign = places.some(
    ({ pkg }) => !['noarch', hostArch()].includes(pkg.arch) && !/^i\d86$/.test(pkg.arch),
  );
  if (foreign) return 'the set is for another architecture';
  return process.getuid?.() === 0 ? undefined : 'only root can install';
}

async function* holdSet(
  corpus: Corpus,
  stem: string,
  wanted: readonly string[],
  places: readonly Found[],
): AsyncGenerator<Outcome> {
  const state = join(corpus.work, 'state');
  const context = await openContext({ state, storage: 'auto', progress: silent });
  try {
    let record: ImageRecord | undefined;
    yield await attempt(`${stem}: the packages`, async () => {
      const recipe = await writeRecipe(corpus, stem, places);
      const locked = await lock(context, recipe);
      record = await buildAllowing(context, recipe);
      const names = locked.lock.arches[hostArch()]!.packages.map(nevraWithEpoch);
      return compared(`${stem}: the packages`, setDifference(names, wanted));
    });
    if (!record) return;
    yield await attempt(`${stem}: rpm -Va`, () => holdVerification(corpus, stem, record!));
    const expected = await readTable(join(corpus.directory, `${stem}${suffix}`));
    yield* holdTree(stem, await treeOf(context, record, join(corpus.work, 'roots', stem)), expected, {
      record,
      places,
    });
  } finally {
    await context.close();
  }
}

/** rpm goes on where a scriptlet fails or an owner is not there; a recipe has to allow each by its name. */
async function buildAllowing(context: Context, recipe: string): Promise<ImageRecord> {
  for (;;) {
    try {
      return await build(context, recipe, { arch: hostArch() });
    } catch (error) {
      if (!(error instanceof MillinerError) || !(await allowing(recipe, error))) throw error;
      await lock(context, recipe);
    }
  }
}

const nevraWithEpoch = (one: {
  name: string;
  epoch: number;
  version: string;
  release: string;
  arch: string;
}) => `${one.name}-${one.epoch}:${one.version}-${one.release}.${one.arch}`;

function setDifference(ours: readonly string[], theirs: readonly string[]): string[] {
  return [
    ...theirs.filter((name) => !ours.includes(name)).map((name) => `not ours: ${name}`),
    ...ours.filter((name) => !theirs.includes(name)).map((name) => `only ours: ${name}`),
  ];
}

/**
 * Lines of rpm -Va on the two trees. Ours is the finished image's: normalisation gives a time to each file that a
 * scriptlet has changed, so times are left out on both sides.
 */
async function holdVerification(
  { directory }: Corpus,
  stem: string,
  { report }: ImageRecord,
): Promise<Outcome> {
  const text = await readFile(join(directory, `${stem}.rpm-Va.txt`), 'utf8');
  const said = [...text.matchAll(/^(\S+)\s+(?:([a-z])\s+)?(\/.*)$/gm)].map(
    ([, attributes, marker = '', path]) => ({ attributes: attributes!, marker, path: path! }),
  );
  const [ours, theirs] = [report.verification, said].map(withoutTimes) as [string[], string[]];
  return compared(`${stem}: rpm -Va`, setDifference(ours, theirs));
}

type Line = Record<'attributes' | 'marker' | 'path', string>;

function withoutTimes(lines: readonly Line[]): string[] {
  return lines.flatMap(({ attributes, marker, path }) => {
    const rest = attributes === 'missing' ? attributes : attributes.replace('T', '.');
    return /[^.]/.test(rest) ? [`${rest} ${marker} ${path}`] : [];
  });
}

function* holdTree(
  stem: string,
  ours: Map<string, Row>,
  theirs: Map<string, Row>,
  facts: { record: ImageRecord; places: readonly Found[] },
): Generator<Outcome> {
  const times = timesOf(facts.places);
  for (const path of [...new Set([...ours.keys(), ...theirs.keys()])].toSorted()) {
    const subject = `${stem}: ${path}`;
    const [a, b] = [ours.get(path), theirs.get(path)];
    const difference = differences(a, b);
    const reason = difference.length === 0 ? undefined : ruleFor(path, a, b, facts.record, times);
    if (reason === undefined) yield compared(subject, difference);
    else yield { subject, result: 'explained', reason };
  }
}

function differences(ours: Row | undefined, theirs: Row | undefined): string[] {
  if (!ours || !theirs) return [`only ${ours ? 'ours' : "rpm's"} has it`];
  const keys = Object.keys(theirs) as (keyof Row)[];
  return keys
    .filter((key) => ours[key] !== theirs[key])
    .map((key) => `${key}: ours ${ours[key]}, rpm's ${theirs[key]}`);
}

/** The times that packages give to a path. */
function timesOf(places: readonly Found[]): Map<string, Set<number>> {
  const times = new Map<string, Set<number>>();
  for (const { pkg } of places) {
    for (const { path, mtime, flags } of pkg.files) {
      if (flags.ghost) continue;
      const shown = `/${Buffer.from(path, 'latin1').toString('utf8')}`;
      times.set(shown, (times.get(shown) ?? new Set()).add(mtime));
    }
  }
  return times;
}
