import { expect, test } from 'vitest';
import { wrongPlace, type Places } from './placed-paths.ts';

const owner = 'root:root';
const directory = (path: string) => ({ path, owner, mode: '0755' });
const link = (path: string) => ({ path, owner, target: '/srv' });
const file = (path: string) => ({ path, owner, mode: '0644', content: '' });
const places = (some: Partial<Places>): Places => ({ directories: [], symlinks: [], files: [], ...some });

test.each<[string, Partial<Places>]>([
  ['files.0.path', { directories: [directory('/a')], files: [file('/a')] }],
  ['symlinks.0.path', { directories: [directory('/a/')], symlinks: [link('/a')] }],
  ['files.1.path', { files: [file('/a/b'), file('/a//b')] }],
  ['files.0.path', { directories: [directory('/a/b')], files: [file('/a')] }],
  ['files.0.path', { files: [file('/a'), file('/a/b/c')] }],
  ['directories.0.path', { directories: [directory('//')] }],
])('%s is refused by its key', (key, some) => {
  expect(wrongPlace(places(some))?.keys.join('.')).toBe(key);
});

test('a file may lie in a directory of the recipe, and behind a link of it', () => {
  const some = {
    directories: [directory('/a')],
    symlinks: [link('/l')],
    files: [file('/a/b'), file('/l/c')],
  };
  expect(wrongPlace(places(some))).toBeUndefined();
});

test('thousands of places are compared at once', { timeout: 60_000 }, () => {
  const many = Array.from({ length: 50_000 }, (_, i) => file(`/srv/${i}/file`));
  expect(wrongPlace(places({ files: many }))).toBeUndefined();
  expect(wrongPlace(places({ files: [...many, file('/srv/49999')] }))?.keys).toEqual([
    'files',
    50_000,
    'path',
  ]);
});
