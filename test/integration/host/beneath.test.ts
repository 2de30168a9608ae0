import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { isBeneath, placeBeneath, readBeneath, rootOf } from '../../../src/lib/host/beneath.ts';
import { run } from '../../../src/lib/host/exec.ts';

const above = mkdtempSync(join(tmpdir(), 'milliner-beneath-'));
const root = join(above, 'root');
mkdirSync(join(root, 'recipes'), { recursive: true });
mkdirSync(join(root, '.git'));
mkdirSync(join(root, 'deep/.git'), { recursive: true });
mkdirSync(join(above, 'root-beside'));
for (const place of ['secret', 'root-beside/secret', 'root/.git/config', 'root/deep/.git/config'])
  writeFileSync(join(above, place), 'secret');
writeFileSync(join(root, 'recipes/file'), 'text');
afterAll(() => rmSync(above, { recursive: true }));

const link = (name: string, target: string) => symlinkSync(target, join(root, name));
const outside = { code: 'FILE_OUTSIDE' };

test.each<[string, string]>([
  ['an absolute link', '/etc/passwd'],
  ['an absolute link to what lies beneath', join(root, 'recipes/file')],
  ['a relative link out', '../secret'],
  ['a link out and in again', '../root/recipes/file'],
  ['a link to a neighbour whose name begins so', '../root-beside/secret'],
  ['a link to nothing', '/nowhere/at/all'],
  ['a link to itself', 'link-to-itself'],
  ['a link to the process’s own files', '/proc/self/environ'],
  ['a link to a token of CI', '.git/config'],
  ['a link to one of a submodule', 'deep/.git/config'],
])('%s is not followed', async (name, target) => {
  const file = name === 'a link to itself' ? target : name.replaceAll(/\W/g, '-');
  link(file, target);
  await expect(readBeneath(root, file, 100)).rejects.toMatchObject(outside);
  await expect(placeBeneath(root, join(root, file))).rejects.toMatchObject(outside);
});

test('nor a directory on the way, nor words that climb, nor a name with a zero byte', async () => {
  link('way', '..');
  for (const path of [
    'way/secret',
    'way/root/recipes/file',
    '../secret',
    '/etc/passwd',
    '..',
    '.git/config',
    'a\0b',
  ])
    await expect(readBeneath(root, path, 100), path).rejects.toMatchObject(outside);
});

test('links beneath are followed, and the place is told without them', async () => {
  link('folder', 'recipes');
  link('recipes/back', '../folder/file');
  expect(String(await readBeneath(root, 'recipes/back', 100))).toBe('text');
  expect(await placeBeneath(root, 'recipes/back')).toBe(join(root, 'recipes/file'));
  expect(await placeBeneath(root, '.')).toBe(root);
  link('../alias', 'root');
  expect(await placeBeneath(join(above, 'alias'), 'folder/file')).toBe(join(root, 'recipes/file'));
  for (const path of ['none', 'recipes/none', 'recipes/file/none'])
    expect(await readBeneath(root, path, 100)).toBeUndefined();
});

test('only regular files within their bound are read', async () => {
  await run('mkfifo', [join(root, 'pipe')]);
  await expect(readBeneath(root, 'pipe', 100)).rejects.toMatchObject({ code: 'EINVAL' });
  await expect(readBeneath(root, 'recipes', 100)).rejects.toMatchObject({ code: 'EISDIR' });
  await expect(readBeneath(root, 'recipes/file', 3)).rejects.toMatchObject({ code: 'EFBIG' });
  expect(await readBeneath(root, 'recipes/file', 4)).toHaveLength(4);
  writeFileSync(join(root, 'empty'), '');
  expect(await readBeneath(root, 'empty', 4)).toHaveLength(0);
});

test('whoever changes the links meanwhile gains nothing', async () => {
  for (const [name, target] of [
    ['good', 'recipes/file'],
    ['bad', '../secret'],
  ] as const)
    link(name, target);
  link('raced', 'recipes/file');
  const stop = new AbortController();
  const racing = (async () => {
    while (!stop.signal.aborted) {
      for (const target of ['../secret', 'recipes/file']) {
        symlinkSync(target, join(root, 'next'));
        renameSync(join(root, 'next'), join(root, 'raced'));
      }
      await new Promise(setImmediate);
    }
  })();
  const read = new Set<string>();
  for (let i = 0; i < 2000; i++)
    read.add(
      await readBeneath(root, 'raced', 100).then(String, (error: Error & { code: string }) => error.code),
    );
  stop.abort();
  await racing;
  expect(read).not.toContain('secret');
  expect([...read].filter((one) => one !== 'text' && one !== 'FILE_OUTSIDE')).toEqual([]);
});

test('the root is the recipe’s directory, or the one above recipes/', () => {
  expect(rootOf('/a/recipes/x.yaml')).toBe('/a');
  expect(rootOf('/a/images/x.yaml')).toBe('/a/images');
  expect(rootOf('/a/recipes/more/x.yaml')).toBe('/a/recipes/more');
  expect([isBeneath('/a', '/a/b'), isBeneath('/a', '/a'), isBeneath('/a', '..b')]).toEqual([
    true,
    true,
    true,
  ]);
  expect([isBeneath('/a', '/ab'), isBeneath('/a', '/'), isBeneath('/a', 'b/../..')]).toEqual([
    false,
    false,
    false,
  ]);
});
