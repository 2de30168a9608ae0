import { expect, test } from 'vitest';
import { checkPlaces, type Places } from './placed-paths.ts';

const owner = 'root:root';
const directory = (path: string) => ({ path, owner, mode: '0755' });
const link = (path: string) => ({ path, owner, target: '/srv' });
const file = (path: string) => ({ path, owner, mode: '0644', content: '' });
const places = (some: Partial<Places>): Places => ({ directories: [], symlinks: [], files: [], ...some });

test.each<[string, Partial<Places>]>([
  ['/a', { directories: [directory('/a')], files: [file('/a')] }],
  ['/a', { directories: [directory('/a/')], symlinks: [link('/a')] }],
  ['/a//b', { files: [file('/a/b'), file('/a//b')] }],
  ['/a', { directories: [directory('/a/b')], files: [file('/a')] }],
  ['/a', { files: [file('/a'), file('/a/b/c')] }],
  ['//', { directories: [directory('//')] }],
])('%s is refused by name', (path, some) => {
  expect(() => checkPlaces('r.yaml', places(some))).toThrow(
    expect.objectContaining({
      code: 'RECIPE_INVALID',
      message: expect.stringContaining(`: ${path}: `) as string,
    }) as Error,
  );
});

test('a file may lie in a directory of the recipe, and behind a link of it', () => {
  const some = {
    directories: [directory('/a')],
    symlinks: [link('/l')],
    files: [file('/a/b'), file('/l/c')],
  };
  expect(() => checkPlaces('r.yaml', places(some))).not.toThrow();
});

test('thousands of places are held against each other at once', { timeout: 60_000 }, () => {
  const many = Array.from({ length: 50_000 }, (_, i) => file(`/srv/${i}/file`));
  expect(() => checkPlaces('r.yaml', places({ files: many }))).not.toThrow();
  expect(() => checkPlaces('r.yaml', places({ files: [...many, file('/srv/49999')] }))).toThrow(
    expect.objectContaining({ code: 'RECIPE_INVALID' }) as Error,
  );
});
