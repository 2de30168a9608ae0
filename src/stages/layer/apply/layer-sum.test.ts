import { expect, test } from 'vitest';
import type { ByteString } from '../../../lib/host/paths.ts';
import type { ListedEntry } from '../tar/listing.ts';
import type { TarType } from '../tar/tar-entry.ts';
import { changesListed, LayerSum } from './layer-sum.ts';

/** A directory ends with a slash; `link -> target`, `link = first name`; anything else is a file. */
function listedOf(word: string): ListedEntry {
  const [path, target] = word.split(/ -> | = /) as [ByteString, ByteString | undefined];
  const kinds: [RegExp, TarType][] = [
    [/\/$/, 'directory'],
    [/ -> /, 'symlink'],
    [/ = /, 'link'],
    [/./, 'file'],
  ];
  const type = kinds.find(([pattern]) => pattern.test(word))![1];
  const common = { path, type, mode: 0o755, uid: 0, gid: 0, size: 0, mtime: 0, linkTarget: target };
  return type === 'file' ? { ...common, sha256: word } : common;
}

function summed(...layers: string[][]): { paths: string[]; faults: string[] } {
  const sum = new LayerSum(undefined);
  for (const words of layers) {
    const { faults, ...changes } = changesListed(['./', ...words].map(listedOf));
    sum.lay(changes);
    sum.faults.push(...faults);
  }
  return {
    paths: [...sum.tree.keys()].filter((path) => path !== '').toSorted(),
    faults: sum.faults.map(({ path }) => path),
  };
}

const below = ['d/', 'd/e/', 'd/e/f', 'd/g', 'h'];

test.each<[string, string[], string[]]>([
  ['nothing', [], ['d', 'd/e', 'd/e/f', 'd/g', 'h']],
  ['a file that is gone', ['d/', 'd/.wh.g'], ['d', 'd/e', 'd/e/f', 'h']],
  ['a directory that is gone, with all in it', ['d/', 'd/.wh.e'], ['d', 'd/g', 'h']],
  ['what lies at the top', ['.wh.d'], ['h']],
  ['a file in the place of a directory', ['d'], ['d', 'h']],
  ['a link in the place of a directory', ['d -> h'], ['d', 'h']],
  ['a directory in the place of a file', ['h/', 'h/i'], ['d', 'd/e', 'd/e/f', 'd/g', 'h', 'h/i']],
  ['a directory again', ['d/'], ['d', 'd/e', 'd/e/f', 'd/g', 'h']],
  ['a further name', ['d/', 'd/a', 'd/b = d/a'], ['d', 'd/a', 'd/b', 'd/e', 'd/e/f', 'd/g', 'h']],
])('laid on another: %s', (_, words, paths) => {
  expect(summed(below, words)).toEqual({ paths, faults: [] });
});

test('a directory that became a file and one again has nothing of what it had', () => {
  expect(summed(below, ['d'], ['d/', 'd/new'])).toEqual({ paths: ['d', 'd/new', 'h'], faults: [] });
});

test('a directory that was deleted and made again is empty', () => {
  expect(summed(['a/', 'a/b/', 'a/b/c'], ['.wh.a'], ['a/'])).toEqual({ paths: ['a'], faults: [] });
});

test.each<[string, string[], string]>([
  ['without its directory', ['new/file'], '/new/file'],
  ['in a directory of a lower layer alone', ['d/new'], '/d/new'],
  ['below a file', ['h', 'h/i'], '/h/i'],
  ['twice', ['i', 'i'], '/i'],
  ['made and deleted', ['h', '.wh.h'], '/h'],
  ['deleted from a directory that is not there', ['d/.wh.g'], '/d/g'],
  ['a link to nothing', ['i = j'], '/i'],
  ['a link to what comes later', ['i = j', 'j'], '/i'],
  ['a link to a directory', ['d/', 'i = d'], '/i'],
  ['a link to a file of a lower layer', ['i = h'], '/i'],
  ['a directory hidden whole', ['d/', 'd/.wh..wh..opq'], '/d/.wh..wh..opq'],
])('is told: %s', (_, words, path) => {
  expect(summed(below, words).faults).toContain(path);
});

test('names of one file share what they are, and are counted', () => {
  const { entries } = changesListed(['./', 'a', 'b = a', 'c'].map(listedOf));
  const [, a, b, c] = entries;
  expect([a!.inode === b!.inode, a!.links, b!.links, b!.sha256]).toEqual([true, 2, 2, 'a']);
  expect([c!.inode === a!.inode, c!.links]).toEqual([false, 1]);
});
