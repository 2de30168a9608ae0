/** A base that is updated by the image on it, and put back by a third: each shows what rpm leaves in a plain directory. */
import { execFileSync } from 'node:child_process';
import { link, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { withWorkPlace } from '../../../spec/places.ts';
import { rpmbuild } from '../../../spec/rpmbuild.ts';
import { native } from '../../../src/lib/host/native.ts';
import { useOneProcess } from '../../helpers/command-client.ts';
import { Desk, type BuildAnswer } from '../../helpers/milliner.ts';
import { tinyPackages } from '../../helpers/tiny/tiny.ts';
import { compareTrees } from '../../helpers/trees/compare-trees.ts';
import { isNormalised } from '../../helpers/trees/normalized-paths.ts';

useOneProcess();

const generations = ['1', '2', '3'];
const imageOf = (generation: string) => `chain-${generation}`;
const run = (program: string, ...args: string[]) =>
  execFileSync(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    .toString()
    .trim();

let desk: Desk;
let work: string;
const built = new Map<string, BuildAnswer>();
const recipes = new Map<string, string>();

beforeAll(async () => {
  // buildah makes an image name of the layout's path, which must be in lower case.
  work = `/var/tmp/milliner-chain-${process.pid}`;
  await mkdir(work);
  desk = await Desk.open();
  for (const generation of generations) {
    recipes.set(generation, await recipeOf(generation));
    built.set(generation, await desk.build(recipes.get(generation)!, '--output', join(work, 'layout')));
  }
});
afterAll(async () => {
  run('buildah', ...storage(), 'rm', '--all');
  await desk.remove();
  await rm(work, { recursive: true, force: true });
});

const storage = () => [
  '--root',
  join(work, 'storage'),
  '--runroot',
  join(work, 'run'),
  '--storage-driver',
  'overlay',
];

/** A repository of what one generation brings, and the recipe that asks for it by version. */
async function recipeOf(generation: string): Promise<string> {
  const repository = join(work, 'packages', generation);
  await mkdir(repository, { recursive: true });
  const defines = { generation };
  const sources = import.meta.dirname;
  const how = { spec: join(sources, 'chain.spec'), sources, epoch: 1_704_067_200, defines };
  await withWorkPlace(() => rpmbuild(how, repository));
  if (generation === '1') {
    const tiny = await tinyPackages();
    for (const name of await readdir(tiny.packages))
      if (/^tiny-(?:base|app)-/.test(name)) await link(join(tiny.packages, name), join(repository, name));
  }
  const names = [
    'chain',
    'chain-giver',
    'chain-taker',
    `chain-${generation === '1' ? 'prede' : 'suc'}cessor`,
  ];
  return desk.recipe(imageOf(generation), {
    ...(generation !== '1' && { from: imageOf(String(Number(generation) - 1)) }),
    repos: [{ name: `chain-${generation}`, baseurl: repository, gpgcheck: false }],
    packages: names.map((name) => `${name} = ${generation}`),
    allow: { replace: names.map((name) => name.replace('chain-suc', 'chain-prede')) },
    layers: { compression: 'gzip' },
  });
}

test('each image is what rpm leaves, for containers/storage and for umoci', async () => {
  const plain = join(work, 'plain');
  await mkdir(join(plain, 'dev'), { recursive: true });
  await native().mknod(Buffer.from(join(plain, 'dev/null')), 0o020666, 1, 3);
  for (const generation of generations) {
    const directory = join(work, 'packages', generation);
    const packages = (await readdir(directory)).map((name) => join(directory, name));
    const options = ['--nosignature', '--noplugins', '--define', '_db_backend sqlite'];
    run('rpm', '--root', plain, '--dbpath', '/usr/lib/sysimage/rpm', ...options, '-U', ...packages);
    const image = imageOf(generation);
    const source = `${join(work, 'layout')}:${image}`;
    const container = run('buildah', ...storage(), 'from', '--pull', `oci:${source}`);
    const mounted = run('buildah', ...storage(), 'mount', container);
    expect(await compareTrees(mounted, plain, isNormalised), `${image} by buildah`).toEqual([]);
    run('umoci', 'unpack', '--image', source, join(work, image));
    expect(await compareTrees(join(work, image, 'rootfs'), plain, isNormalised), `${image} by umoci`).toEqual(
      [],
    );
  }
});

test('a state directory that was copied builds the same images', async () => {
  const copies = join(work, 'state');
  // Built as far as the base there, then copied: its inodes and change times are others.
  await desk.build(recipes.get('1')!, '--state', join(work, 'built'));
  run('cp', '-a', join(work, 'built'), copies);
  await rename(join(work, 'built'), join(work, 'moved'));
  const { manifestDigest } = built.get('3')!;
  for (const state of [copies, join(work, 'moved')])
    expect((await desk.build(recipes.get('3')!, '--state', state)).manifestDigest).toBe(manifestDigest);
});
