import { expect, test } from 'vitest';
import { byteString } from '../../../lib/host/paths.ts';
import { treeOf, type TreeEntry } from '../tree.ts';
import { parentAsFound } from './parent.ts';

const entry = (path: string, part: Partial<TreeEntry> = {}): TreeEntry =>
  ({
    path: byteString(path),
    mode: 0o100644,
    uid: 0,
    gid: 0,
    size: 4,
    links: 1,
    mtimeSeconds: 1,
    inode: 10n,
    inodeNumber: 20n,
    ctimeNanoseconds: 100n,
    ...part,
  }) as TreeEntry;

test('a copy of the state has other inodes and change times, and is the same tree', () => {
  const recorded = treeOf([entry('a', { sha256: 'digest' })]);
  const found = treeOf([entry('a', { inode: 11n, inodeNumber: 21n, ctimeNanoseconds: 101n })]);
  expect(parentAsFound(recorded, found).get(byteString('a'))).toEqual({
    ...entry('a', { sha256: 'digest' }),
    inode: 11n,
    inodeNumber: 21n,
    ctimeNanoseconds: 101n,
  });
});

test.each<[string, TreeEntry[]]>([
  ['mode', [entry('a', { mode: 0o100755 })]],
  ['owner', [entry('a', { uid: 1 })]],
  ['time', [entry('a', { mtimeSeconds: 2 })]],
  ['attribute', [entry('a', { xattrs: { 'security.capability': Buffer.from('x') } })]],
  ['missing', []],
  ['too many', [entry('a'), entry('b')]],
])('what is not the recorded tree is refused: %s', (_what, found) => {
  const compare = () => parentAsFound(treeOf([entry('a')]), treeOf(found));
  expect(compare).toThrow(expect.objectContaining({ code: 'STATE_INVALID' }));
});
