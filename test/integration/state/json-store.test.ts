import { mkdir, mkdtemp, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import { JsonStore, type StoreOptions } from '../../../src/pipeline/state/json-store.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'milliner-store-'));
});
afterEach(() => rm(directory, { recursive: true }));

const schema = z.object({ version: z.literal(2), hat: z.string() });
type Hat = z.infer<typeof schema>;
const bowler: Hat = { version: 2, hat: 'bowler' };

function store(more: Partial<StoreOptions<Hat>> = {}): JsonStore<Hat> {
  return new JsonStore(join(directory, 'hats'), { what: 'a hat', schema, version: 2, ...more });
}

test('what was written is read, listed and removed, and leaves nothing else behind', async () => {
  await store().write('b', bowler);
  await store().write('a', { ...bowler, hat: 'cap' });
  expect(await store().read('b')).toEqual(bowler);
  expect(await store().names()).toEqual(['a', 'b']);
  expect(await store().list()).toEqual([{ ...bowler, hat: 'cap' }, bowler]);
  await store().remove('a');
  await store().remove('a');
  expect(await readdir(join(directory, 'hats'))).toEqual(['b.json']);
});

test('what is missing, or of another version, is not there', async () => {
  expect(await store().read('a')).toBeUndefined();
  expect(await store().list()).toEqual([]);
  await store().write('a', { ...bowler, version: 1 } as unknown as Hat);
  await store().write('b', bowler);
  expect(await store().read('a')).toBeUndefined();
  expect(await store().list()).toEqual([bowler]);
});

test.each(['', '{"version": 2', 'null', '[]', '{"version": 2, "hat": 5}'])(
  'what is damaged is an error, but where it only saves work: %j',
  async (text) => {
    await mkdir(join(directory, 'hats'));
    await writeFile(store().path('a'), text);
    const refused = { code: 'STATE_INVALID', hint: 'Buy one.', details: { path: store().path('a') } };
    await expect(store({ hint: 'Buy one.' }).read('a')).rejects.toMatchObject(refused);
    await expect(store({ hint: 'Buy one.' }).list()).rejects.toMatchObject(refused);
    expect(await store({ isCache: true }).read('a')).toBeUndefined();
  },
);

test('a file larger than any is not read', async () => {
  await store().write('a', bowler);
  await truncate(store().path('a'), 2 ** 40);
  await expect(store().read('a')).rejects.toMatchObject({ code: 'STATE_INVALID' });
});

test('a file that cannot be looked at is no absence', async () => {
  await mkdir(store().path('a'), { recursive: true });
  await expect(store().read('a')).rejects.toMatchObject({ code: 'STATE_INVALID' });
  const below = new JsonStore(join(directory, 'file', 'hats'), { what: 'a hat', schema });
  await writeFile(join(directory, 'file'), '');
  expect(await below.read('a')).toBeUndefined();
  await expect(below.list()).rejects.toMatchObject({ code: 'STATE_INVALID' });
});

test('all others are removed, with what a killed writer has left', async () => {
  await store().removeOthers(['a']);
  for (const name of ['a', 'b']) await store({ isCache: true }).write(name, bowler);
  await writeFile(join(directory, 'hats', '.c.json.tmp'), 'half');
  await store().removeOthers(['a', 'd']);
  expect(await readdir(join(directory, 'hats'))).toEqual(['a.json']);
});
