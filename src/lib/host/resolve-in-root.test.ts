import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readInside, resolveInside, resolveParents } from './resolve-in-root.ts';

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'inside-'));
  await mkdir(join(root, 'usr/lib'), { recursive: true });
  await symlink('usr/lib', join(root, 'lib'));
  await symlink('/lib/../..', join(root, 'up'));
  await symlink('circle', join(root, 'circle'));
  await writeFile(join(root, 'usr/lib/file'), 'x');
});
afterAll(() => rm(root, { recursive: true }));

test.each([
  ['lib/file', 'usr/lib/file'],
  ['up/lib/file', 'usr/lib/file'],
  ['lib', 'lib'],
  ['nothing/at/all', 'nothing/at/all'],
  // A file in the place of a directory, which a scriptlet can leave there.
  ['lib/file/in/it', 'usr/lib/file/in/it'],
  ['circle/file', undefined],
])('%s is at %s', (path, place) => {
  expect(resolveParents(root, path)).toBe(place);
});

test('the last component is followed too', () => {
  expect(resolveInside(root, 'lib')).toBe('usr/lib');
  expect(resolveInside(root, 'up')).toBe('');
});

test('what is not there is no file, wherever its path breaks off', async () => {
  for (const path of ['nothing', 'lib/file/in/it']) expect(await readInside(root, path)).toBeUndefined();
  expect((await readInside(root, 'lib/file'))?.toString()).toBe('x');
});
