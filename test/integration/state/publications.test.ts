import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  addPublication,
  publishedAt,
  removeOtherPublications,
} from '../../../src/pipeline/state/publications.ts';

const [kept, gone] = [`sha256:${'a'.repeat(64)}`, `sha256:${'b'.repeat(64)}`] as const;

let state: string;
beforeEach(async () => {
  state = await mkdtemp(join(tmpdir(), 'milliner-publications-'));
});
afterEach(() => rm(state, { recursive: true }));

test('places are remembered once each, and forgotten with the image', async () => {
  for (const digest of [kept, gone])
    await addPublication(state, digest, ['localhost/hat:2', 'localhost/hat:1']);
  await addPublication(state, kept, ['localhost/hat:2']);
  await removeOtherPublications(state, new Set([kept]));
  expect(await publishedAt(state, kept)).toEqual(['localhost/hat:1', 'localhost/hat:2']);
  expect(await publishedAt(state, gone)).toEqual([]);
});

test('nothing was published: there is nothing to forget', async () => {
  await removeOtherPublications(state, new Set());
  expect(await publishedAt(state, kept)).toEqual([]);
});
