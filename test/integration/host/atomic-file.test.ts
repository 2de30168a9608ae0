import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { replaceFile, writeFileAtomic } from '../../../src/lib/host/atomic-file.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'milliner-atomic-'));
});
afterEach(() => rm(directory, { recursive: true }));

test('writers at once leave one of their texts, whole, and nothing else', async () => {
  const path = join(directory, 'a.json');
  const texts = Array.from({ length: 20 }, (_, index) => String(index).repeat(100_000));
  await Promise.all(texts.map((text) => writeFileAtomic(path, text)));
  expect(texts).toContain(await readFile(path, 'utf8'));
  expect(await readdir(directory)).toEqual(['a.json']);
});

test('what a killed writer left is taken over', async () => {
  await writeFile(join(directory, '.a.json.tmp'), 'the beginning of something much longer');
  await writeFileAtomic(join(directory, 'a.json'), 'text');
  expect(await readdir(directory)).toEqual(['a.json']);
  expect(await readFile(join(directory, 'a.json'), 'utf8')).toBe('text');
});

test('where filling fails, the target stays as it was', async () => {
  const path = join(directory, 'a');
  await writeFileAtomic(path, 'before');
  const failing = replaceFile(path, async (handle) => {
    await handle.writeFile('half');
    throw new Error('no more');
  });
  await expect(failing).rejects.toThrow('no more');
  expect(await readFile(path, 'utf8')).toBe('before');
  expect(await readdir(directory)).toEqual(['a']);
});
