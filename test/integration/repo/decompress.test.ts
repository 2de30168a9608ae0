/** Files of others are unpacked by programs that reach nothing of ours, whole or not at all. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { constants, gzipSync, zstdCompressSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { run } from '../../../src/lib/host/exec.ts';
import { decompressed } from '../../../src/stages/repo/decompress.ts';

let directory: string;
beforeAll(async () => void (directory = await mkdtemp(join(tmpdir(), 'decompress-'))));
afterAll(() => rm(directory, { recursive: true }));

/** More than all buffers on the way hold: who unpacks it is still there when its first piece has come. */
const content = randomBytes(1 << 20);

const mostBytes = 1 << 24;

async function file(ending: string, bytes: Uint8Array): Promise<string> {
  const path = join(directory, `file${ending}`);
  await writeFile(path, bytes);
  return path;
}

async function unpack(ending: string, bytes: Uint8Array): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(decompressed(await file(ending, bytes), mostBytes)));
}

/** The networks, as the kernel names them, of the processes of a program that read the file. */
async function networksOf(program: string, path: string): Promise<string[]> {
  const found: string[] = [];
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const [name, ...args] = await readFile(`/proc/${pid}/cmdline`, 'utf8').then(
      (line) => line.split('\0'),
      () => [],
    );
    if (name === program && args.includes(path)) found.push(await readlink(`/proc/${pid}/ns/net`));
  }
  return found;
}

test.each([
  ['.gz', 'gzip'],
  ['.zst', 'zstd'],
  ['.xz', 'xz'],
  ['.bz2', 'bzip2'],
])('%s is unpacked by %s, which is confined and ends with its reader', async (ending, program) => {
  const plain = await file('', content);
  await run(program, ['--force', '--keep', '-1', plain]);
  const path = `${plain}${ending}`;
  const pieces = decompressed(path, mostBytes);
  const first = await pieces.next();
  expect(content.subarray(0, 1024).equals((first.value as Buffer).subarray(0, 1024))).toBe(true);
  const networks = await networksOf(program, path);
  expect(networks).toHaveLength(1);
  expect(networks).not.toContain(await readlink('/proc/self/ns/net'));
  await pieces.return(undefined);
  await expect.poll(() => networksOf(program, path)).toEqual([]);
  const whole = Buffer.concat(await Array.fromAsync(decompressed(path, mostBytes)));
  expect(whole.equals(content)).toBe(true);
});

const half = content.length / 2;

test.each<[string, (bytes: Uint8Array) => Buffer]>([
  ['.gz', gzipSync],
  ['.zst', (bytes) => zstdCompressSync(bytes, { params: { [constants.ZSTD_c_checksumFlag]: 1 } })],
])('%s: several parts are one, and what is not whole is nothing', async (ending, compress) => {
  const invalid = { code: 'REPO_INVALID' };
  const parts = [content.subarray(0, half), content.subarray(half)].map((part) => compress(part));
  const whole = Buffer.concat(parts);
  expect((await unpack(ending, whole)).equals(content)).toBe(true);
  const damaged = Buffer.from(whole);
  damaged[damaged.length - 1]! ^= 1;
  for (const bytes of [
    whole.subarray(0, -5),
    Buffer.concat([whole, Buffer.from('what stands behind it')]),
    Buffer.from('not what it says'),
    damaged,
  ]) {
    await expect(unpack(ending, bytes)).rejects.toMatchObject(invalid);
  }
  await expect(Array.fromAsync(decompressed(join(directory, `none${ending}`), 1))).rejects.toMatchObject(
    invalid,
  );
  const path = await file(ending, whole);
  await expect(Array.fromAsync(decompressed(path, content.length - 1))).rejects.toMatchObject(invalid);
  const stopped = Array.fromAsync(decompressed(path, mostBytes, AbortSignal.abort()));
  await expect(stopped).rejects.toMatchObject({ code: 'INTERRUPTED' });
});

test('no other format passes for zstd, alone or behind a frame: the bound of memory holds for zstd alone', async () => {
  const frame = zstdCompressSync(content.subarray(0, 100));
  const xz = join(directory, 'other');
  await writeFile(xz, content.subarray(0, 100));
  await run('xz', ['--force', xz]);
  for (const other of [gzipSync('other'), await readFile(`${xz}.xz`)]) {
    for (const bytes of [other, Buffer.concat([frame, other])])
      await expect(unpack('.zst', bytes)).rejects.toMatchObject({ code: 'REPO_INVALID' });
  }
  // A window of 256 MiB.
  const wide = Buffer.from('28b52ffd0090010000', 'hex');
  await expect(unpack('.zst', wide)).rejects.toMatchObject({ code: 'REPO_INVALID' });
});
