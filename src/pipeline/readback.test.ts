import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Digest } from '../content/digest.ts';
import { ContentStore } from '../content/store.ts';
import { MillinerError } from '../errors.ts';
import { byteString } from '../host/paths.ts';
import { mediaTypes, usualLevel, type Compression } from '../layer/compress.ts';
import { encodeLayer, encodePiece } from '../layer/encode.ts';
import { endOfArchive, type TarPart } from '../layer/tar.ts';
import { readBack, type Written } from './readback.ts';

let state: string;
let content: ContentStore;
beforeAll(async () => {
  state = await mkdtemp(join(tmpdir(), 'milliner-readback-'));
  content = await ContentStore.open(state);
});
afterAll(() => rm(state, { recursive: true, force: true }));

const common = { mode: 0o644, uid: 1, gid: 2, size: 0, mtime: 3 };
const file = (name: string, text: string): TarPart => ({
  entry: {
    ...common,
    path: byteString(name),
    type: 'file',
    size: text.length,
    xattrs: { 'user.note': Buffer.from(name) },
  },
  content: text === '' ? [] : [Buffer.from(text)],
});
const first = (): TarPart[] => [
  { entry: { ...common, path: byteString('d'), type: 'directory' } },
  file('d/a', 'some text'),
  file('d/empty', ''),
  { entry: { ...common, path: byteString('d/link'), type: 'symlink', linkTarget: byteString('a') } },
];
const second = (): TarPart[] => [file('d/b', 'x'.repeat(500_000) + '\0'.repeat(5000))];

const kinds: Compression['kind'][] = ['zstd', 'gzip', 'zstd:chunked'];
const how = (kind: Compression['kind']): Compression => ({ kind, level: usualLevel[kind] });

async function written(kind: Compression['kind']): Promise<Written> {
  const layer = encodeLayer([...first(), ...second()], how(kind));
  const { digest } = await content.ingestStream(layer.bytes);
  const [diffID, annotations, listing] = [layer.diffID(), layer.annotations(), layer.listing()];
  return { digest, mediaType: mediaTypes[kind], diffID, annotations, listing };
}

async function codeOf(said: Written): Promise<string> {
  try {
    await readBack(content, said);
    return 'none';
  } catch (error) {
    return error instanceof MillinerError ? error.code : String(error);
  }
}

async function stored(...pieces: Buffer[]): Promise<Digest> {
  async function* bytes() {
    yield* pieces;
  }
  return (await content.ingestStream(bytes())).digest;
}

test.each(kinds)('a sound layer of %s passes', async (kind) => {
  expect(await codeOf(await written(kind))).toBe('none');
});

/** Compressed pieces of one stream: a client gets whatever of them was written, in whatever order. */
async function piecesOf(kind: Compression['kind']): Promise<[Buffer, Buffer, Buffer]> {
  const unread = { update: () => undefined };
  const piece = (parts: TarPart[]) => buffer(encodePiece(parts, how(kind), unread).bytes);
  const end = kind === 'gzip' ? gzipSync(endOfArchive) : zstdCompressSync(endOfArchive);
  return [await piece(first()), await piece(second()), end];
}

test.each(kinds)('of %s: pieces that are missing, twice or in another order', async (kind) => {
  const { annotations: _, ...said } = await written(kind);
  const [a, b, end] = await piecesOf(kind);
  for (const pieces of [[], [a], [a, end], [a, a, b, end], [b, a, end], [a, b.subarray(0, -9), end]])
    expect(await codeOf({ ...said, digest: await stored(...pieces) })).toBe('LAYERS_DIFFER');
});

test.each(kinds)('of %s: a byte that is another, or cut off', async (kind) => {
  const { annotations: _, ...said } = await written(kind);
  const blob = await readFile(content.path(said.digest));
  for (const at of [0, 40]) {
    const flipped = Buffer.from(blob);
    flipped.writeUInt8(flipped.readUInt8(at) ^ 0x10, at);
    expect(await codeOf({ ...said, digest: await stored(flipped) })).toBe('LAYERS_DIFFER');
  }
  const half = blob.subarray(0, Math.floor(blob.length / 4));
  expect(await codeOf({ ...said, digest: await stored(half) })).toBe('LAYERS_DIFFER');
});

test('a media type that no client knows, and one of another compression', async () => {
  const said = await written('zstd');
  for (const mediaType of ['application/vnd.oci.image.layer.v1.tar+zstx', mediaTypes.gzip])
    expect(await codeOf({ ...said, mediaType })).toBe('LAYERS_DIFFER');
});

test('a blob that is not in the store is no matter of the writer', async () => {
  const digest: Digest = `sha256:${'0'.repeat(64)}`;
  expect(await codeOf({ ...(await written('zstd')), digest })).toBe('BLOB_MISSING');
});

const prefix = 'io.github.containers.zstd-chunked.';

test('zstd:chunked: each annotation counts', async () => {
  const said = await written('zstd:chunked');
  for (const name of ['manifest-checksum', 'manifest-position', 'tarsplit-position']) {
    const annotations = { ...said.annotations, [`${prefix}${name}`]: '10:20:30:1' };
    expect(await codeOf({ ...said, annotations }), name).toBe('LAYERS_DIFFER');
  }
  expect(await codeOf({ ...said, annotations: {} })).toBe('LAYERS_DIFFER');
});

/** The table of contents was made of the sound entries: it differs from these as it would from others' by a fault. */
test.each<[string, object]>([
  ['path', { path: byteString('d/c') }],
  ['type', { type: 'fifo' }],
  ['mode', { mode: 0o600 }],
  ['user', { uid: 7 }],
  ['group', { gid: 7 }],
  ['time', { mtime: 7 }],
  ['size', { size: 7 }],
  ['content', { sha256: '0'.repeat(64) }],
  ['target', { linkTarget: byteString('e') }],
  ['attributes', { xattrs: {} }],
])('zstd:chunked: another %s in the table of contents', async (_, other) => {
  const said = await written('zstd:chunked');
  const listing = said.listing.map((one) => (one.path === 'd/a' ? { ...one, ...other } : one));
  expect(await codeOf({ ...said, listing })).toBe('LAYERS_DIFFER');
});

test('zstd:chunked: an entry less or more in the table of contents', async () => {
  const said = await written('zstd:chunked');
  for (const listing of [said.listing.slice(1), [...said.listing, said.listing[0]!]])
    expect(await codeOf({ ...said, listing })).toBe('LAYERS_DIFFER');
});
