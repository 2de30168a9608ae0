/** One seed: three images of random packages, built and read by others; every line is a fault. */
import { existsSync, lstatSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MillinerError } from '../../../../src/lib/errors/error.ts';
import { hostArch } from '../../../../src/lib/host/arch.ts';
import { native } from '../../../../src/lib/host/native.ts';
import { showBytes } from '../../../../src/lib/host/paths.ts';
import { silent } from '../../../../src/lib/host/progress.ts';
import { fileType } from '../../../../src/lib/rpm/file-list.ts';
import { build } from '../../../../src/pipeline/build/build.ts';
import { openContext, type Context } from '../../../../src/pipeline/state/context.ts';
import { withView } from '../../../../src/pipeline/state/snapshots.ts';
import { drivers } from '../../../helpers/snapshot/drivers.ts';
import type { Tiny } from '../../../helpers/tiny/tiny.ts';
import { compareTrees } from '../../../helpers/trees/compare-trees.ts';
import { isNormalised } from '../../../helpers/trees/normalized-paths.ts';
import { lineOf, rpmLines } from '../../../helpers/trees/verify-lines.ts';
import { epoch } from './packages.ts';
import { leaveOut, plainImage, type PlainImage } from './plain.ts';
import type { Reader } from './readers.ts';
import { images, RandomSet } from './set.ts';

export interface Bench {
  tiny: Tiny;
  storage: 'overlay' | 'dm-thin';
  readers: Readonly<Record<string, Reader>>;
  /** Where all of it happens, in lower case, which a reference of the oci: transport has to be. */
  place: string;
}

export interface Trial {
  /** IMAGE READER: PATH: WHAT. */
  differences: string[];
  /** Of each image. */
  digests: string[];
}

export async function tryOut(seed: number, bench: Bench): Promise<Trial> {
  const work = await mkdtemp(join(bench.place, 'random-'));
  try {
    return await tryOutIn(work, new RandomSet(seed), bench);
  } finally {
    if (process.env['MILLINER_KEEP'] === undefined) await rm(work, { recursive: true, force: true });
    else process.stdout.write(`seed ${seed}: ${work}\n`);
  }
}

async function tryOutIn(work: string, set: RandomSet, { tiny, storage, readers }: Bench): Promise<Trial> {
  await mkdir(join(work, 'recipes'));
  await mkdir(join(work, 'plain'));
  const state = join(work, 'state');
  const driver = drivers[storage];
  // Opened once before: dm-thin has a pool from then on.
  await (await driver.open(state)).close();
  const context = await openContext({ state, storage, progress: silent });
  try {
    const built = await buildAll(context, set, tiny, work);
    const layout = join(work, 'layout');
    const tags = built.images.map(({ image }) => image);
    const differences = [...built.differences];
    if (built.images.length === 0) return { differences, digests: [] };
    for (const [name, read] of Object.entries(readers)) {
      const directory = join(work, name);
      const refused = await read(layout, tags, directory);
      differences.push(...refused.map((line) => `${name} refuses ${line}`));
      for (const one of built.images) {
        const root = join(directory, one.image);
        if (existsSync(root))
          differences.push(...(await compareAll(context, one, `${one.image} ${name}`, root)));
      }
    }
    return { differences, digests: built.images.map(({ digest }) => digest) };
  } finally {
    await context.close();
    await driver.destroy(state);
  }
}

interface BuiltImage extends PlainImage {
  snapshot: string;
  digest: string;
}

/** Up to the first that cannot be built, each by rpm alone before. */
async function buildAll(context: Context, set: RandomSet, tiny: Tiny, work: string) {
  const built: BuiltImage[] = [];
  const differences: string[] = [];
  for (const image of images) {
    const one = await plainImage(set, image, tiny, work, built.at(-1)?.tree);
    const recipe = join(work, 'recipes', `${image}.yaml`);
    await writeFile(recipe, JSON.stringify(recipeOf(set, one, built.at(-1)?.image)));
    try {
      const options = { arch: hostArch(), output: join(work, 'layout') };
      const { snapshot, manifestDigest, report, dbPath } = await build(context, recipe, options);
      let lines: string[] = [];
      await withView(context, snapshot, async (root) => {
        lines = rpmLines(root, dbPath!);
        await leaveOut(one, root);
      });
      differences.push(...differentLines(image, report.verification.map(lineOf), lines));
      built.push({ ...one, snapshot, digest: manifestDigest });
    } catch (error) {
      if (!(error instanceof MillinerError)) throw error;
      return { images: built, differences: [...differences, `${image}: ${error.code}: ${error.message}`] };
    }
  }
  return { images: built, differences };
}

/** What the record says of the installed files, and what rpm says of them. */
function differentLines(image: string, ours: readonly string[], theirs: readonly string[]): string[] {
  return [
    ...theirs.filter((line) => !ours.includes(line)).map((line) => `${image} rpm -Va alone: ${line}`),
    ...ours.filter((line) => !theirs.includes(line)).map((line) => `${image} not rpm -Va: ${line}`),
  ];
}

function recipeOf(
  set: RandomSet,
  { image, repository, packages, replaced }: PlainImage,
  from?: string,
): object {
  const { docs, layers, compression } = set;
  return {
    name: image,
    ...(from !== undefined && { from }),
    tools: 'host',
    repos: [{ name: image, baseurl: repository, gpgcheck: false }],
    packages: packages.map(({ name, version }) => `${name} = ${version}`),
    docs,
    allow: { replace: replaced },
    layers: { compression, ...(from === undefined && layers !== undefined && { max: layers }) },
  };
}

/** The layers' sum against the tree that was installed, all of it; and that against what rpm makes of it alone. */
async function compareAll(context: Context, one: BuiltImage, who: string, read: string): Promise<string[]> {
  const installed = await withView(context, one.snapshot, (root) => compareTrees(read, root, isRoot));
  const isExpected = (path: string) => isNormalised(path) && (isDevice(path) || !one.timesOf(path));
  const namesOf = await hardLinks(read);
  const former = images[images.indexOf(one.image) - 1];
  const below = former && join(read, '..', former);
  const others = await compareTrees(read, one.tree, isExpected);
  const isFault = (line: string) =>
    !isClamped(line, one, namesOf(pathOf(line)), below) && !isSameButFor(isExpected, line);
  return [
    ...installed.map((line) => `${who}, installed: ${line}`),
    ...others.filter(isFault).map((line) => `${who}, rpm: ${line}`),
  ];
}

/** Whether the names of a file differ by those alone that an image may leave out. */
function isSameButFor(isExpected: (path: string) => boolean, line: string): boolean {
  const [, image, plain] = /: names (.*) \| (.*)$/.exec(line) ?? [];
  if (image === undefined || plain === undefined) return false;
  const rest = (names: string) => {
    const counted = names.split(' ').filter((name) => name !== '' && !isExpected(`/${name}`));
    // A name that is left alone is no hard link, and is not listed.
    return counted.length > 1 ? counted.join(' ') : '';
  };
  return rest(image) === rest(plain);
}

const pathOf = (line: string) => line.slice(0, line.indexOf(': '));

/** By path the names of the same file, without others its own. */
async function hardLinks(root: string): Promise<(path: string) => string[]> {
  const linked = (await native().scan(root)).filter(({ links, mode }) => links > 1 && !isDirectory(mode));
  const names = Map.groupBy(linked, ({ inode }) => inode);
  const inodes = new Map(linked.map(({ path, inode }) => [`/${showBytes(path)}`, inode]));
  return (path) => names.get(inodes.get(path) ?? -1n)?.map((one) => `/${showBytes(one.path)}`) ?? [path];
}

/**
 * A time that a scriptlet has left is no package's: the image has its own time there, or, where the content is still
 * a package's or the image's below, theirs, whatever the name by now: a file's names have one time.
 */
function isClamped(line: string, one: BuiltImage, names: string[], below: string | undefined): boolean {
  const [, path, image, plain] = /^(.*): mtime (\d+) \| (\d+)$/.exec(line) ?? [];
  if (path === undefined) return false;
  const there = below === undefined ? [] : names.map((name) => join(below, name)).filter(existsSync);
  const kept = there.map((place) => Math.floor(lstatSync(place).mtimeMs / 1000));
  const isKnown = [epoch, ...one.times, ...kept].includes(Number(image));
  return isKnown && (names.length > 1 || !one.timesOf(path)?.includes(Number(plain)));
}

/** containers/storage gives it a mode of its own. */
const isRoot = (path: string) => path === '/';
const isDirectory = (mode: number) => (mode & fileType.mask) === fileType.directory;
/** The device nodes that a transaction needs lie there meanwhile. */
const isDevice = (path: string) => path.startsWith('/dev/');
