import { expect, test } from 'vitest';
import { byteString } from '../../../lib/host/paths.ts';
import { treeOf, type TreeEntry } from '../tree.ts';
import { changedSince, changesOf } from './changes.ts';

/** Files of one content and time: nothing but their inodes tells them apart. */
const treeFrom = (inodes: Record<string, bigint>, ctimeNanoseconds: bigint) => {
  const values = Object.values(inodes);
  const entries = Object.entries(inodes).map(([path, inode]) => ({
    path: byteString(path),
    mode: 0o100644,
    uid: 0,
    gid: 0,
    size: 0,
    links: values.filter((other) => other === inode).length,
    mtimeSeconds: 1,
    sha256: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    inode,
    inodeNumber: inode,
    ctimeNanoseconds,
  }));
  const root = { path: byteString(''), mode: 0o040755, uid: 0, gid: 0, size: 0, links: 2, mtimeSeconds: 0 };
  return treeOf([{ ...root, inode: 1n, ctimeNanoseconds: 1n }, ...entries] as TreeEntry[]);
};

test.each([
  ['a name', 'd/.wh.a', {}],
  ["overlayfs' device", 'd/a', { mode: 0o020000, deviceMajor: 0, deviceMinor: 0 }],
])('what reads as a deletion is refused: %s', async (_what, path, how) => {
  const entry = { ...treeFrom({ a: 2n }, 5n).get(byteString('a'))!, ...how, path: byteString(path) };
  const tree = treeOf([entry]);
  await expect(changedSince('/dev/null', tree, undefined)).rejects.toMatchObject({
    code: 'IMAGE_UNREPRESENTABLE',
  });
});

test('a digest that was computed stands, whatever the base says', async () => {
  const parent = treeFrom({ a: 2n }, 5n);
  const tree = treeFrom({ a: 2n }, 5n);
  const entry = tree.get(byteString('a'))!;
  entry.sha256 = '0'.repeat(64);
  await changedSince('/dev/null', tree, parent);
  expect(entry.sha256).toBe('0'.repeat(64));
  delete entry.sha256;
  await changedSince('/dev/null', tree, parent);
  expect(entry.sha256).toBe(parent.get(byteString('a'))!.sha256);
});

test.each<[string, Record<string, bigint>, Record<string, bigint>, string[]]>([
  ['two files become one', { a: 2n, b: 3n }, { a: 4n, b: 4n }, ['', 'a', 'b']],
  ['one file becomes two', { a: 2n, b: 2n }, { a: 4n, b: 5n }, ['', 'a', 'b']],
  [
    'names change partners',
    { a: 2n, b: 2n, c: 3n, d: 3n },
    { a: 4n, b: 5n, c: 4n, d: 5n },
    ['', 'a', 'b', 'c', 'd'],
  ],
  ['one name less', { a: 2n, b: 2n, c: 2n }, { a: 2n, b: 2n }, ['']],
  ['nothing', { a: 2n, b: 2n }, { a: 2n, b: 2n }, []],
])('names of a file: %s', async (_what, before, now, wanted) => {
  // An empty file has no content to read, so that no tree on disk is needed.
  const parent = treeFrom(before, 5n);
  const tree = treeFrom(now, 5n);
  const { entries } = changesOf(tree, await changedSince('/dev/null', tree, parent));
  expect(entries.map(({ path }) => path)).toEqual(wanted);
});
