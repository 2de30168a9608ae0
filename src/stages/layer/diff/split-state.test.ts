import { expect, test } from 'vitest';
import { byteString } from '../../../lib/host/paths.ts';
import { treeOf, type TreeEntry } from '../tree.ts';
import { splitChanged } from './split-state.ts';

const file = (path: string, size: number, more: Partial<TreeEntry> = {}) =>
  ({ path: byteString(path), mode: 0o100644, size, links: 1, ...more }) as TreeEntry;
const directory = (path: string) => file(path, 0, { mode: 0o040755 });
const large = 8 * 1024 * 1024;

function split(entries: TreeEntry[], deleted: string[] = []) {
  const tree = treeOf(entries);
  const changed = { paths: new Set(tree.keys()), deleted: deleted.map((path) => byteString(path)) };
  return splitChanged(tree, changed, '/usr/lib/sysimage/rpm').map(([held, part]) => [
    held,
    [...part.paths, ...part.deleted.map((path) => `-${path}`)],
  ]);
}

test('the rpm database, large files and the rest lie apart', () => {
  const database = file('usr/lib/sysimage/rpm/rpmdb.sqlite', large);
  expect(split([file('etc/passwd', 9), database, file('boot/initramfs.img', large)], ['etc/gone'])).toEqual([
    ['rpm database', ['usr/lib/sysimage/rpm/rpmdb.sqlite']],
    ['generated files', ['boot/initramfs.img']],
    ['state', ['etc/passwd', '-etc/gone']],
  ]);
});

test('a layer that would hold nothing is left out; deletions alone are a state', () => {
  expect(split([])).toEqual([]);
  expect(split([], ['etc/gone'])).toEqual([['state', ['-etc/gone']]]);
});

test('names of one file stay together, directories are state', () => {
  const linked = { links: 2, inode: 7n };
  const names = [file('usr/lib/sysimage/rpm/rpmdb.sqlite', 9, linked), file('etc/copy', 9, linked)];
  expect(split([directory('usr/lib/sysimage/rpm'), ...names])).toEqual([
    ['state', ['usr/lib/sysimage/rpm', 'usr/lib/sysimage/rpm/rpmdb.sqlite', 'etc/copy']],
  ]);
});
