import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { MillinerError } from '../../../lib/errors/error.ts';
import { byteString, type ByteString } from '../../../lib/host/paths.ts';
import type { ListedEntry } from '../tar/listing.ts';
import type { Tree, TreeEntry } from '../tree.ts';
import { checkLayers } from './check-layers.ts';

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

const listed = (path: string, more: Partial<ListedEntry> = {}): ListedEntry => ({
  path: byteString(path),
  type: 'file',
  mode: 0o644,
  uid: 1,
  gid: 2,
  size: 4,
  mtime: 3,
  sha256: sha256('told'),
  ...more,
});
const directory = (path: string, more: Partial<ListedEntry> = {}): ListedEntry => {
  const { sha256: _, ...entry } = listed(path, { type: 'directory', mode: 0o755, size: 0, ...more });
  return entry;
};
const xattrs = { 'user.note': Buffer.from('kept') };

/** What the layers of the installed tree below hold. */
const layer = (): ListedEntry[] => [
  directory('./'),
  directory('d/'),
  listed('d/file', { xattrs }),
  listed('d/first'),
  listed('d/second', { type: 'link', linkTarget: byteString('d/first') }),
  { ...directory('d/link', { type: 'symlink', mode: 0o777 }), linkTarget: byteString('first') },
  { ...directory('d/null', { type: 'character', mode: 0o666 }), deviceMajor: 1, deviceMinor: 3 },
];

const entry = (path: string, inode: number, more: Partial<TreeEntry> = {}): TreeEntry => ({
  path: byteString(path),
  mode: 0o100644,
  uid: 1,
  gid: 2,
  size: 4,
  allocated: 4096,
  mtimeSeconds: 3,
  mtimeNanoseconds: 5,
  ctimeNanoseconds: 9n,
  inode: BigInt(inode),
  links: 1,
  deviceMajor: 0,
  deviceMinor: 0,
  ...more,
});

const installed = (): Tree =>
  new Map(
    [
      entry('', 1, { mode: 0o040755, size: 4096 }),
      entry('d', 2, { mode: 0o040755, size: 4096 }),
      entry('d/file', 3, { xattrs, sha256: sha256('told') }),
      entry('d/first', 4, { links: 2, sha256: sha256('told') }),
      entry('d/second', 4, { links: 2, sha256: sha256('told') }),
      entry('d/link', 5, { mode: 0o120777, size: 5, target: byteString('first') }),
      entry('d/null', 6, { mode: 0o020666, size: 0, deviceMajor: 1, deviceMinor: 3 }),
    ].map((one) => [one.path, one]),
  );

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'milliner-check-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

/** Paths that are told; none where nothing differs. */
async function differences(
  listings: ListedEntry[][],
  tree: Tree,
  unclaimed: string[] = [],
): Promise<string[]> {
  try {
    const paths = new Set(unclaimed.map(byteString));
    await checkLayers({ base: undefined, listings, root, tree, unclaimed: paths });
    return [];
  } catch (error) {
    if (!(error instanceof MillinerError) || error.code !== 'LAYERS_DIFFER') throw error;
    return (error.details['differences'] as { path: string }[]).map(({ path }) => path);
  }
}

const changedAt = (path: string, more: Partial<ListedEntry>): ListedEntry[] =>
  layer().map((one) => (one.path === path ? { ...one, ...more } : one));
const without = (...paths: string[]) => layer().filter(({ path }) => !paths.includes(path));

test('layers that are the tree pass, in one and in two', async () => {
  expect(await differences([layer()], installed())).toEqual([]);
  const layers = [without('d/file'), [directory('./'), directory('d/'), listed('d/file', { xattrs })]];
  expect(await differences(layers, installed())).toEqual([]);
});

test.each<[string, ListedEntry[], string]>([
  ['mode', changedAt('d/file', { mode: 0o4644 }), '/d/file'],
  ['mode of a directory', changedAt('d/', { mode: 0o700 }), '/d'],
  ['mode of the root', changedAt('./', { mode: 0o700 }), '/'],
  ['user', changedAt('d/file', { uid: 0 }), '/d/file'],
  ['group', changedAt('d/file', { gid: 0 }), '/d/file'],
  ['size', changedAt('d/file', { size: 5 }), '/d/file'],
  ['time', changedAt('d/file', { mtime: 4 }), '/d/file'],
  ['content', changedAt('d/file', { sha256: sha256('other') }), '/d/file'],
  ['type', changedAt('d/file', { type: 'fifo' }), '/d/file'],
  ['an attribute less', changedAt('d/file', { xattrs: undefined }), '/d/file'],
  ['an attribute more', changedAt('d/first', { xattrs }), '/d/first'],
  ['value of an attribute', changedAt('d/file', { xattrs: { 'user.note': Buffer.from('lost') } }), '/d/file'],
  ['target', changedAt('d/link', { linkTarget: byteString('second') }), '/d/link'],
  ['major number', changedAt('d/null', { deviceMajor: 2 }), '/d/null'],
  ['minor number', changedAt('d/null', { deviceMinor: 4 }), '/d/null'],
  ['a link that is a copy', changedAt('d/second', listed('d/second')), '/d/second'],
  ['another first name', changedAt('d/second', { linkTarget: byteString('d/file') }), '/d/second'],
  ['a file less', without('d/file'), '/d/file'],
  ['a file more', [...layer(), listed('d/more')], '/d/more'],
  ['a link less', without('d/second'), '/d/second'],
  ['a file twice', [...layer(), listed('d/file', { xattrs })], '/d/file'],
])('another %s is told', async (_, changed, path) => {
  expect(await differences([changed], installed())).toContain(path);
});

test('what differs in bytes that no text shows is told', async () => {
  const latin = (hex: string) => Buffer.from(hex, 'hex').toString('latin1') as ByteString;
  const tree = installed();
  tree.set('d/link' as ByteString, entry('d/link', 5, { mode: 0o120777, size: 1, target: latin('ff') }));
  expect(await differences([changedAt('d/link', { linkTarget: latin('ff') })], tree)).toEqual([]);
  expect(await differences([changedAt('d/link', { linkTarget: latin('fe') })], tree)).toEqual(['/d/link']);
  const two = { 'user.a': Buffer.from('b'), 'user.c': Buffer.from('d') };
  const one = { 'user.a=62 user.c': Buffer.from('d') };
  tree.set('d/file' as ByteString, entry('d/file', 3, { xattrs: two, sha256: sha256('told') }));
  expect(await differences([changedAt('d/file', { xattrs: one })], tree)).toContain('/d/file');
});

test('files of several file systems may have one inode number', async () => {
  const tree = installed();
  tree.set('d/file' as ByteString, entry('d/file', 4, { xattrs, sha256: sha256('told') }));
  expect(await differences([layer()], tree)).toEqual([]);
});

test('content that nobody else has told is read from the tree', async () => {
  const tree: Tree = new Map(
    ['', 'file'].map((path) => [byteString(path), installed().get(byteString(path))!]),
  );
  tree.set('file' as ByteString, entry('file', 3, { sha256: sha256('told') }));
  const listing = [directory('./'), listed('file')];
  await writeFile(join(root, 'file'), 'told');
  expect(await differences([listing], tree, ['file'])).toEqual([]);
  await writeFile(join(root, 'file'), 'done');
  expect(await differences([listing], tree, ['file'])).toEqual(['/file']);
  expect(await differences([listing], tree)).toEqual([]);
});
