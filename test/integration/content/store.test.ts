import { createHash } from 'node:crypto';
import { link, mkdtemp, readFile, readdir, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import * as fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Digest } from '../../../src/lib/oci/digest.ts';
import { ContentStore } from '../../../src/stages/content/store.ts';

let state: string;
let store: ContentStore;
beforeEach(async () => {
  state = await mkdtemp(join(tmpdir(), 'milliner-content-'));
  store = await ContentStore.open(state);
});
afterEach(() => rm(state, { recursive: true }));

const bytes = Buffer.from('a felt hat');
const digest = digestOf(bytes);

function digestOf(data: Uint8Array): Digest {
  return `sha256:${createHash('sha256').update(data).digest('hex')}`;
}

async function collect(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function* endless() {
  for (;;) yield await Promise.resolve(bytes);
}

async function* failing() {
  yield await Promise.resolve(bytes);
  throw new Error('the line went dead');
}

async function leftovers(): Promise<string[]> {
  return readdir(join(state, 'ingest'));
}

test('a stream becomes a blob under its digest, readable by all and complete', async () => {
  expect(await store.ingestStream(Readable.from([bytes]))).toEqual({ digest, size: bytes.length });
  expect(await readFile(store.path(digest))).toEqual(bytes);
  expect((await stat(store.path(digest))).mode & 0o7777).toBe(0o444);
  expect(await collect(await store.openVerified(digest))).toEqual(bytes);
  expect(await store.has(digest)).toBe(true);
  expect(await leftovers()).toEqual([]);
});

test('any bytes in any chunks come back as they were', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 5000 }), { maxLength: 8 }), async (chunks) => {
      const blob = await store.ingestStream(Readable.from(chunks.map((chunk) => Buffer.from(chunk))));
      expect(blob.digest).toBe(digestOf(Buffer.concat(chunks)));
      expect(await collect(await store.openVerified(blob.digest))).toEqual(Buffer.concat(chunks));
    }),
    { numRuns: process.env['MILLINER_SOAK'] ? 500 : 25 },
  );
});

test('bytes that are not the expected ones are refused, with the name of what they are', async () => {
  const other = digestOf(Buffer.from('another'));
  const refused = store.ingestStream(Readable.from([bytes]), { digest: other, what: 'hat-1-1.noarch' });
  await expect(refused).rejects.toMatchObject({
    code: 'DIGEST_MISMATCH',
    details: { what: 'hat-1-1.noarch', expected: other, actual: digest },
  });
  for (const size of [bytes.length - 1, bytes.length + 1]) {
    const wrong = store.ingestStream(Readable.from([bytes]), { size });
    await expect(wrong).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
  }
  expect(await leftovers()).toEqual([]);
  expect(await store.list()).toEqual([]);
});

test('a stream without an end is cut at the expected size', async () => {
  await expect(store.ingestStream(endless(), { size: 1000 })).rejects.toMatchObject({
    code: 'DIGEST_MISMATCH',
  });
});

test('a source that fails leaves nothing', async () => {
  await expect(store.ingestStream(failing())).rejects.toThrow('the line went dead');
  expect(await leftovers()).toEqual([]);
});

test('a file is copied in, or taken whole when it may be consumed', async () => {
  const path = join(state, 'hat');
  await writeFile(path, bytes, { mode: 0o600 });
  await store.ingestFile(path, { digest });
  expect(await readFile(path)).toEqual(bytes);
  expect((await stat(store.path(digest))).ino).not.toBe((await stat(path)).ino);

  const { ino } = await stat(path);
  await store.ingestFile(path, { digest, consume: true });
  await expect(stat(path)).rejects.toMatchObject({ code: 'ENOENT' });
  expect(await stat(store.path(digest))).toMatchObject({ ino, nlink: 1 });
  expect((await stat(store.path(digest))).mode & 0o7777).toBe(0o444);
});

test('a consumed file that has another name is copied: nobody else may write to a blob', async () => {
  const path = join(state, 'hat');
  await writeFile(path, bytes);
  await link(path, join(state, 'same'));
  await store.ingestFile(path, { consume: true });
  expect(await stat(store.path(digest))).toMatchObject({ nlink: 1 });
  expect(await readdir(state)).not.toContain('hat');
});

test('what is no regular file of the promised size does not come in', async () => {
  await expect(store.ingestFile(state)).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
  const path = join(state, 'hat');
  await writeFile(path, bytes);
  await expect(store.ingestFile(path, { size: 3, consume: true })).rejects.toMatchObject({
    code: 'DIGEST_MISMATCH',
  });
  await symlink(path, join(state, 'link'));
  await expect(store.ingestFile(join(state, 'link'), { consume: true })).rejects.toMatchObject({
    code: 'ELOOP',
  });
  expect(await readFile(path)).toEqual(bytes);
});

test('a blob that changed on disk fails its reader and is gone for the next run', async () => {
  await store.ingestStream(Readable.from([bytes]));
  await writeFile(store.path(digest), 'a bolt hat');
  await expect(store.verify(digest)).rejects.toMatchObject({ code: 'BLOB_CORRUPT', details: { digest } });
  expect(await store.has(digest)).toBe(false);
  await expect(store.openVerified(digest)).rejects.toMatchObject({ code: 'BLOB_MISSING' });
});

test('a corrupt blob that was replaced while it was read stays', async () => {
  await store.ingestStream(Readable.from([bytes]));
  await writeFile(store.path(digest), 'a bolt hat');
  const reader = await store.openVerified(digest);
  await store.ingestStream(Readable.from([bytes]));
  await expect(collect(reader)).rejects.toMatchObject({ code: 'BLOB_CORRUPT' });
  expect(await store.verify(digest)).toBe(bytes.length);
});

test('gc removes what is neither kept nor lately used', async () => {
  const blobs = await Promise.all(
    ['kept', 'used', 'new', 'old'].map((text) => store.ingestStream(Readable.from([Buffer.from(text)]))),
  );
  const [kept, used, fresh, old] = blobs.map((blob) => blob.digest) as [Digest, Digest, Digest, Digest];
  for (const each of [kept, used, old]) await utimes(store.path(each), 1000, 1000);
  await store.use(used);
  const removed = await store.gc((sweep) => sweep(new Set([kept]), { usedSince: new Date(2_000_000) }));
  expect(removed).toEqual([{ digest: old, size: 3 }]);
  const left = (await store.list()).map((blob) => blob.digest);
  expect(left.toSorted()).toEqual([kept, used, fresh].toSorted());
});

test('gc holds the store to a size: what was not used for longest goes first, what is kept never', async () => {
  const texts = ['kept, longest unused', 'second', 'third', 'last'];
  const digests: Digest[] = [];
  for (const [index, text] of texts.entries()) {
    digests.push((await store.ingestStream(Readable.from([Buffer.from(text)]))).digest);
    await utimes(store.path(digests[index]!), 1000 + index, 1000 + index);
  }
  const [kept, second, third, last] = digests as [Digest, Digest, Digest, Digest];
  const limits = { usedSince: new Date(0), maxBytes: texts[0]!.length + texts[3]!.length };
  const removed = await store.gc((sweep) => sweep(new Set([kept]), limits));
  expect(removed.map((blob) => blob.digest)).toEqual([second, third]);
  const more = await store.gc((sweep) => sweep(new Set([kept]), { ...limits, maxBytes: 0 }));
  expect(more.map((blob) => blob.digest)).toEqual([last]);
  expect(await store.has(kept)).toBe(true);
});

test('gc keeps out while a build holds a lease, and builds do not keep each other out', async () => {
  await store.lease(() =>
    store.lease(async () => {
      await expect(store.gc((sweep) => sweep(new Set(), { usedSince: new Date() }))).rejects.toMatchObject({
        code: 'BUSY',
      });
    }),
  );
  expect(await store.gc((sweep) => sweep(new Set(), { usedSince: new Date() }))).toEqual([]);
});

test('a digest cannot name a file elsewhere', () => {
  expect(() => store.path('sha256:../../etc/passwd')).toThrow();
});
