/** Images of whole file systems, from a directory and from a tar; and whose packages a base's may give way to. */
import { mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { run } from '../../../src/lib/host/exec.ts';
import type { Lock } from '../../../src/stages/lock/lock-file.ts';
import { useOneProcess } from '../../helpers/command-client.ts';
import { Desk } from '../../helpers/milliner.ts';
import { runsToItsEnd } from '../../helpers/publish-fixture.ts';
import { repositoryOf } from '../../helpers/solve/packages.ts';
import { tinyPackages } from '../../helpers/tiny/tiny.ts';
import { compareTrees } from '../../helpers/trees/compare-trees.ts';
import { Buildah, installInto } from './buildah.ts';

useOneProcess();

let desk: Desk;
let buildah: Buildah;
/** A tree as people make them: with what no layer holds. */
let tree: string;
let repos: object[];
/** buildah makes an image name of the path, which must be in lower case. */
const layout = join(tmpdir(), `milliner-filesystem-${process.pid}`);

beforeAll(async () => {
  desk = await Desk.open();
  buildah = new Buildah(desk.path('buildah'));
  tree = desk.path('tree');
  await mkdir(tree);
  await installInto(tree, 'tiny-base');
  await writeFile(join(tree, 'etc/own'), 'own', { mode: 0o640 });
  const baseurl = await desk.repository('packages', ['tiny-app']);
  repos = [{ name: 'tiny', baseurl, keys: [(await tinyPackages()).key] }];
});
afterAll(async () => {
  await buildah.close();
  await rm(layout, { recursive: true, force: true });
  await desk.remove();
});

const arch = process.arch === 'arm64' ? 'aarch64' : 'x86_64';
const recipe = (name: string, from: object, packages: string[] = [], fields: object = {}) =>
  desk.recipe(name, { ...runsToItsEnd, repos, from, packages, ...fields });

async function lockOf(path: string): Promise<Lock['arches'][string]> {
  return (JSON.parse(await readFile(path.replace('.yaml', '.lock.json'), 'utf8')) as Lock).arches[arch]!;
}

test('a directory, and what changes in it', async () => {
  const path = await recipe('of-directory', { directory: '../tree' }, ['tiny-app']);
  await desk.json(['lock', path]);
  const { image } = await lockOf(path);
  expect(image).toMatchObject({ name: 'tree', packages: [`tiny-base-1.0-1.${arch}`] });
  const built = await desk.build(path, '--check');
  expect(built.layers[0]!.diffID).toBe(image!.digest);
  await desk.build(path);
  await desk.json(['boot', 'of-directory']);
  await writeFile(join(tree, 'etc/own'), 'other');
  expect(await desk.fails(['build', path])).toMatchObject({ code: 'LOCK_STALE', exit: 3 });
  await writeFile(join(tree, 'etc/own'), 'own');
});

test.each(['gzip', 'xz'])('a tar in %s: an image of it alone is its tree', async (program) => {
  const path = await recipe(`of-${program}`, { tar: `../${program}.tar` });
  await run('tar', [
    '-C',
    tree,
    '--xattrs',
    `--use-compress-program=${program}`,
    '-cf',
    desk.path(`${program}.tar`),
    '.',
  ]);
  await desk.build(path, '--output', layout);
  expect(await compareTrees(await buildah.tree(`oci:${layout}:of-${program}`), tree, isLeftOut)).toEqual([]);
});

const isLeftOut = (path: string) => path === '/' || path.startsWith('/usr/lib/sysimage/rpm');

test('a tree without an rpm database gets an empty one', async () => {
  const bare = desk.path('bare');
  await mkdir(join(bare, 'bin'), { recursive: true });
  await symlink('busybox', join(bare, 'bin/true'));
  const path = await recipe('bare', { directory: '../bare' });
  await desk.build(path, '--check');
  await desk.build(path);
  const { packages } = await desk.json<{ packages: string[] }>(['inspect', 'bare']);
  expect(packages).toEqual([]);
});

test('a tar that is none, or leads out', async () => {
  await writeFile(desk.path('none.tar'), 'rubbish'.repeat(1000));
  const none = await recipe('none', { tar: '../none.tar' });
  expect(await desk.fails(['lock', none])).toMatchObject({ code: 'BASE_INVALID', exit: 3 });
  const script =
    "import tarfile; t = tarfile.open('out.tar', 'w'); t.addfile(tarfile.TarInfo('../escaped')); t.close()";
  await run('python3', ['-c', script], { cwd: desk.directory });
  const out = await recipe('out', { tar: '../out.tar' });
  expect(await desk.fails(['lock', out])).toMatchObject({ code: 'BASE_INVALID', exit: 3 });
  await rm(desk.path('out.tar'));
  expect(await desk.fails(['lock', out])).toMatchObject({ code: 'RECIPE_INVALID', exit: 3 });
});

test('a package of the base gives way only where the recipe says so', async () => {
  const newer = await repositoryOf(desk.directory, 'newer', [
    { name: 'wants-newer', arch: 'noarch', Requires: 'tiny-base >= 2' },
    { name: 'tiny-base', version: '2', arch: 'noarch', Provides: '/bin/sh' },
    { name: 'instead', arch: 'noarch', Obsoletes: 'tiny-base', Provides: '/bin/sh' },
  ]);
  const unsigned = { repos: [{ name: 'newer', baseurl: newer, gpgcheck: false }] };
  const from = { directory: '../tree' };
  for (const wanted of ['wants-newer', 'instead']) {
    const path = await recipe(`replacing-${wanted}`, from, [wanted], unsigned);
    const error = await desk.fails(['lock', path]);
    expect(error).toMatchObject({ code: 'BASE_REPLACED', exit: 5 });
    expect(error.details).toMatchObject({ packages: [{ package: `tiny-base-1.0-1.${arch}` }] });
    await recipe(`replacing-${wanted}`, from, [wanted], { ...unsigned, allow: { replace: ['tiny-base'] } });
    await desk.json(['lock', path]);
    const { image, removed } = await lockOf(path);
    expect(image!.packages).toEqual([]);
    expect(removed).toEqual([`tiny-base-1.0-1.${arch}`]);
  }
});
