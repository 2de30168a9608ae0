import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { archive, entry, headerBlob, packageEntries, packageFile } from '../rpm/synthesize.ts';
import { readPackage } from '../../../src/lib/rpm/package.ts';
import { readPayload } from './payload.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'milliner-payload-'));
});
afterAll(() => rm(directory, { recursive: true }));

const content = 'a line of text, over and over\n'.repeat(30_000);
/** Stripped entries and 64-bit sizes: what rpm2cpio will not read. */
const plain = archive([{ index: 0, content }]);
const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

function large(payload: Buffer, compressor: string | undefined, digest = sha256(payload)): Buffer {
  const entries = packageEntries([{ path: '/large' }]).filter((it) => it.tag !== entry('FILESIZES').tag);
  const more = [
    entry('LONGFILESIZES', content.length),
    entry('PAYLOADDIGEST', digest),
    entry('PAYLOADDIGESTALGO', 8),
    ...(compressor === undefined ? [] : [entry('PAYLOADCOMPRESSOR', compressor)]),
  ];
  return packageFile({ header: headerBlob(63, [...entries, ...more]), payload });
}

async function read(bytes: Buffer): Promise<string> {
  const path = join(directory, 'large.rpm');
  await writeFile(path, bytes);
  const chunks: Buffer[] = [];
  for await (const file of readPayload(await readPackage(path))) {
    for await (const piece of file.content) chunks.push(piece);
  }
  return Buffer.concat(chunks).toString();
}

test.each([
  ['gzip', gzipSync(plain)],
  ['zstd', zstdCompressSync(plain)],
  [undefined, gzipSync(plain)],
  [undefined, plain],
])('reads a payload with 64-bit sizes: %s', async (compressor, payload) => {
  expect(await read(large(payload, compressor))).toBe(content);
});

test.each<[string, Buffer, string, string?]>([
  ['a payload that is not what its digest says', gzipSync(plain), 'gzip', '0'.repeat(64)],
  ['a cut payload', gzipSync(plain).subarray(0, -20), 'gzip'],
  ['a cut zstd payload', zstdCompressSync(plain).subarray(0, -20), 'zstd'],
  ['a payload of another compressor', zstdCompressSync(plain), 'gzip'],
  ['an unknown compressor', gzipSync(plain), 'rot13'],
  ['no payload', Buffer.alloc(0), 'gzip'],
  ['what is no archive', gzipSync(Buffer.alloc(4096)), 'gzip'],
])('refuses %s', async (_, payload, compressor, digest) => {
  await expect(read(large(payload, compressor, digest))).rejects.toMatchObject({ code: 'PACKAGE_INVALID' });
});

test('a stopped reader is told so', async () => {
  const path = join(directory, 'large.rpm');
  await writeFile(path, large(gzipSync(plain), 'gzip'));
  const stopped = async () => {
    for await (const _ of readPayload(await readPackage(path), { signal: AbortSignal.abort() }));
  };
  await expect(stopped()).rejects.toMatchObject({ code: 'INTERRUPTED' });
});
