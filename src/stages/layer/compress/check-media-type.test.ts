import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { checkMediaType } from './check-media-type.ts';
import { mediaTypes } from './compress.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'milliner-media-type-'));
});
afterAll(() => rm(directory, { recursive: true }));

const blobs = {
  gzip: gzipSync('layer'),
  zstd: zstdCompressSync('layer'),
  plain: Buffer.from('layer'),
  short: Buffer.from([0x28, 0xb5]),
  empty: Buffer.alloc(0),
};

async function codeOf(name: keyof typeof blobs, mediaType: string): Promise<unknown> {
  const path = join(directory, name);
  await writeFile(path, blobs[name]);
  return checkMediaType(path, mediaType).then(
    () => undefined,
    (error: { code: string }) => error.code,
  );
}

test('a layer begins as its media type says', async () => {
  expect(await codeOf('gzip', mediaTypes.gzip)).toBeUndefined();
  for (const kind of ['zstd', 'zstd:chunked'] as const)
    expect(await codeOf('zstd', mediaTypes[kind])).toBeUndefined();
});

test.each(['gzip', 'plain', 'short', 'empty'] as const)('%s is no zstd', async (name) => {
  expect(await codeOf(name, mediaTypes.zstd)).toBe('LAYERS_DIFFER');
});

test('zstd is no gzip, and nothing is of an unknown type', async () => {
  expect(await codeOf('zstd', mediaTypes.gzip)).toBe('LAYERS_DIFFER');
  for (const name of ['gzip', 'zstd'] as const)
    expect(await codeOf(name, `${mediaTypes[name]}x`)).toBe('LAYERS_DIFFER');
});
