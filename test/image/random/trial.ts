/** One seed: three images of random packages, built and read by others; every line is a fault. */
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MillinerError } from '../../../src/errors.ts';
import { hostArch } from '../../../src/host/arch.ts';
import { silent } from '../../../src/host/progress.ts';
import { build } from '../../../src/pipeline/build.ts';
import { openContext, type Context } from '../../../src/pipeline/context.ts';
import { withTree } from '../../../src/pipeline/view.ts';
import { drivers, type DriverName } from '../../snapshot/drivers.ts';
import type { Tiny } from '../../tiny/tiny.ts';
import { isNormalised } from '../normalised.ts';
import { compareTrees } from '../trees.ts';
import { epoch } from './packages.ts';
import { plainImages, type PlainImage } from './plain.ts';
import type { Reader } from './readers.ts';
import { RandomSet } from './set.ts';

export interface Bench {
  tiny: Tiny;
  storage: DriverName;
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
  const made = await plainImages(set, tiny, work);
  const state = join(work, 'state');
  const driver = drivers[storage];
  // Opened once before: dm-thin has a pool from then on.
  await (await driver.open(state)).close();
  const context = await openContext({ state, storage, progress: silent });
  try {
    const built = await buildAll(context, set, made, work);
    const layout = join(work, 'layout');
    const tags = built.images.map(({ image }) => image);
    const differences = [...built.differences];
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

/** Up to the first that cannot be built. */
async function buildAll(context: Context, set: RandomSet, made: readonly PlainImage[], work: string) {
  const images: BuiltImage[] = [];
  for (const one of made) {
    const recipe = join(work, 'recipes', `${one.image}.yaml`);
    await writeFile(recipe, JSON.stringify(recipeOf(set, one, images.at(-1)?.image)));
    try {
      const options = { arch: hostArch(), output: join(work, 'layout') };
      const { snapshot, manifestDigest } = await build(context, recipe, options);
      images.push({ ...one, snapshot, digest: manifestDigest });
    } catch (error) {
      if (!(error instanceof MillinerError)) throw error;
      return { images, differences: [`${one.image}: ${error.code}: ${error.message}`] };
    }
  }
  return { images, differences: [] };
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
  const installed = await withTree(context, one.snapshot, (root) => compareTrees(read, root, isRoot));
  const isExpected = (path: string) => isNormalised(path) && (isDevice(path) || !one.timesOf(path));
  const others = await compareTrees(read, one.tree, isExpected);
  return [
    ...installed.map((line) => `${who}, installed: ${line}`),
    ...others.filter((line) => !isClamped(line, one)).map((line) => `${who}, rpm: ${line}`),
  ];
}

/** What scriptlets have moved or touched has the image's own time; where it is as a package has it, that. */
function isClamped(line: string, { timesOf }: BuiltImage): boolean {
  const [, path, image, plain] = /^(.*): mtime (\d+) \| (\d+)$/.exec(line) ?? [];
  if (path === undefined) return false;
  return Number(image) === epoch && !timesOf(path)?.includes(Number(plain));
}

/** containers/storage gives it a mode of its own. */
const isRoot = (path: string) => path === '/';
/** The device nodes that a transaction needs lie there meanwhile. */
const isDevice = (path: string) => path.startsWith('/dev/');
