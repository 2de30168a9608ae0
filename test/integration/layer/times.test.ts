/** Times in a tree on disk, once scriptlets have touched what base and packages gave it. */
import { hash } from 'node:crypto';
import { mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { byteString } from '../../../src/lib/host/paths.ts';
import type { RpmFile } from '../../../src/lib/rpm/file-list.ts';
import { scanSnapshot } from '../../../src/stages/snapshot/snapshotter.ts';
import { packagedFiles } from '../../../src/stages/layer/packages/packaged.ts';
import { directoryTime, treeOf, type Tree } from '../../../src/stages/layer/tree.ts';
import { fixTimes } from '../../../src/stages/layer/normalize/times.ts';
import { EarlyDigests } from '../../../src/stages/layer/verify/early-digests.ts';
import { hashTree } from '../../../src/stages/layer/verify/hash-tree.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp('/var/tmp/milliner-times-');
  await mkdir(join(root, 'd'));
  await writeFile(join(root, 'd/file'), 'words\n');
});
afterEach(() => rm(root, { recursive: true }));

const epoch = 1_700_000_000;
const scan = async () => treeOf(await scanSnapshot(root));
const packaged = (mtime: number): RpmFile =>
  ({
    path: byteString('d/file'),
    mode: 0o100644,
    user: 'root',
    group: 'root',
    size: 6,
    mtime,
    flags: {},
    digest: { algorithm: 'sha256', hex: hash('sha256', 'words\n') },
  }) as RpmFile;

async function timesOn(parent: Tree | undefined, files: RpmFile[]): Promise<number[]> {
  const tree = await scan();
  const some = packagedFiles([{ nevra: 'some-2-1.noarch', files }], tree);
  const installed = { root, tree, parent, epoch, packaged: some };
  fixTimes(installed, await hashTree(installed, EarlyDigests.begin(root, [])));
  const seen = await scan();
  return ['d', 'd/file'].map((path) => seen.get(byteString(path))!.mtimeSeconds);
}

test('a touched file has the time of the package that it has now, not of the one that the base had', async () => {
  await utimes(join(root, 'd/file'), 11, 11);
  const parent = await scan();
  await utimes(join(root, 'd/file'), 33, 33);
  expect((await timesOn(parent, [packaged(22)]))[1]).toBe(22);
});

test("without a package it has the base's, and with other content the image's own", async () => {
  await utimes(join(root, 'd/file'), 11, 11);
  const parent = await scan();
  for (const one of parent.values()) if (one.path === 'd/file') one.sha256 = hash('sha256', 'words\n');
  await utimes(join(root, 'd/file'), 33, 33);
  expect((await timesOn(parent, []))[1]).toBe(11);
  await writeFile(join(root, 'd/file'), 'other\n');
  expect((await timesOn(parent, []))[1]).toBe(epoch);
});

test("a directory of the base keeps its time, whatever was made in it; a new one has the constant's", async () => {
  await utimes(join(root, 'd'), 44, 44);
  const parent = await scan();
  await writeFile(join(root, 'd/new'), '');
  expect((await timesOn(parent, []))[0]).toBe(44);
  expect((await timesOn(undefined, []))[0]).toBe(directoryTime);
});
