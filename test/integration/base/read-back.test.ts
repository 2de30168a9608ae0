import { hash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { MillinerError } from '../../../src/lib/errors/error.ts';
import { byteString } from '../../../src/lib/host/paths.ts';
import type { Digest } from '../../../src/lib/oci/digest.ts';
import { ContentStore } from '../../../src/stages/content/store.ts';
import { checkChunked } from '../../../src/stages/layer/compress/chunked/check-chunked.ts';
import { mediaTypes, defaultLevel, type Compression } from '../../../src/stages/layer/compress/compress.ts';
import { encodePiece } from '../../helpers/layer-writer/encode.ts';
import { writtenLayer } from '../../helpers/layer-writer/written-layer.ts';
import { parseListing, type ListedEntry } from '../../../src/stages/layer/tar/listing.ts';
import { endOfArchive, tarBytes, type TarMember } from '../../helpers/layer-writer/tar-writer.ts';
import type { LayerContent } from '../../../src/pipeline/base/layer-workers.ts';
import { listLayer, type LayerBlob } from '../../../src/stages/layer/write/write-layer.ts';

let state: string;
let content: ContentStore;
beforeAll(async () => {
  state = await mkdtemp(join(tmpdir(), 'milliner-readback-'));
  content = await ContentStore.open(state);
});
afterAll(() => rm(state, { recursive: true, force: true }));

const common = { mode: 0o644, uid: 1, gid: 2, size: 0, mtime: 3 };
const file = (name: string, text: string): TarMember => ({
  entry: {
    ...common,
    path: byteString(name),
    type: 'file',
    size: text.length,
    xattrs: { 'user.note': Buffer.from(name) },
  },
  content: text === '' ? [] : [Buffer.from(text)],
});
const first = (): TarMember[] => [
  { entry: { ...common, path: byteString('d'), type: 'directory' } },
  file('d/a', 'some text'),
  file('d/empty', ''),
  { entry: { ...common, path: byteString('d/link'), type: 'symlink', linkTarget: byteString('a') } },
];
const second = (): TarMember[] => [file('d/b', 'x'.repeat(500_000) + '\0'.repeat(5000))];

const kinds: Compression['kind'][] = ['zstd', 'gzip', 'zstd:chunked'];
const how = (kind: Compression['kind']): Compression => ({ kind, level: defaultLevel[kind] });

/** With what it is found to hold. */
async function written(kind: Compression['kind']): Promise<LayerBlob & LayerContent> {
  const { bytes, digest, annotations } = await writtenLayer([first(), second()], how(kind));
  expect(await stored(bytes)).toBe(digest);
  const blob = { digest, mediaType: mediaTypes[kind], ...(annotations && { annotations }) };
  return { ...blob, ...(await listed(blob)) };
}

async function listed(blob: LayerBlob): Promise<LayerContent> {
  const scratch = await mkdtemp(join(state, 'listed-'));
  const files = { layer: await content.use(blob.digest), listing: join(scratch, 'listing') };
  const { diffID } = await listLayer(blob, files);
  return { diffID, listing: await parseListing([await readFile(files.listing, 'utf8')]) };
}

/** `other` where it is a layer, but not the one that was written. */
async function codeOf({ diffID, ...blob }: LayerBlob & { diffID: string }): Promise<string> {
  try {
    return (await listed(blob)).diffID === diffID ? 'none' : 'other';
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

test.each(kinds)('of %s: what it holds, and the digest of the stream that its client gets', async (kind) => {
  const { diffID, listing } = await written(kind);
  const tar = Buffer.concat([await buffer(tarBytes([...first(), ...second()])), endOfArchive]);
  expect(diffID).toBe(`sha256:${hash('sha256', tar)}`);
  expect(listing.map(({ path, type }) => `${type} ${path}`)).toEqual([
    'directory d/',
    'file d/a',
    'file d/empty',
    'symlink d/link',
    'file d/b',
  ]);
  expect(listing[1]!.sha256).toBe(hash('sha256', 'some text'));
});

/** Compressed pieces of one stream: a client gets whatever of them was written, in whatever order. */
async function piecesOf(kind: Compression['kind']): Promise<[Buffer, Buffer, Buffer]> {
  const piece = (parts: TarMember[]) => buffer(encodePiece(parts, how(kind)).bytes);
  const end = kind === 'gzip' ? gzipSync(endOfArchive) : zstdCompressSync(endOfArchive);
  return [await piece(first()), await piece(second()), end];
}

test.each(kinds)('of %s: pieces that are missing, twice or in another order', async (kind) => {
  const { annotations: _, ...said } = await written(kind);
  const [a, b, end] = await piecesOf(kind);
  for (const pieces of [[], [a], [a, b.subarray(0, -9), end]])
    expect(await codeOf({ ...said, digest: await stored(...pieces) })).toBe('LAYERS_DIFFER');
  // A layer all the same, which is not the tree: the sum of layers tells.
  for (const pieces of [
    [a, end],
    [a, a, b, end],
    [b, a, end],
  ])
    expect(await codeOf({ ...said, digest: await stored(...pieces) })).toBe('other');
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

/** As a client reads it that fetches what the table of contents names. */
async function inPieces(
  { digest, annotations, diffID }: LayerBlob & LayerContent,
  listing: ListedEntry[],
  change = (blob: Buffer) => blob,
) {
  const blob = change(await readFile(content.path(digest)));
  const read = async (at: number, length: number) => blob.subarray(at, at + length);
  await checkChunked({ read, annotations: annotations!, listing, diffID });
}
const differs = expect.objectContaining({ code: 'LAYERS_DIFFER' }) as Error;

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
  await expect(inPieces(said, listing)).rejects.toThrow(differs);
});

test('zstd:chunked: each part of the footer counts, and its place', async () => {
  const said = await written('zstd:chunked');
  const flipped = (at: number) => (blob: Buffer) => {
    const other = Buffer.from(blob);
    other.writeUInt8(blob.readUInt8(blob.length - at) ^ 1, blob.length - at);
    return other;
  };
  await inPieces(said, said.listing);
  const faults: ((blob: Buffer) => Buffer)[] = Array.from({ length: 8 }, (_, part) =>
    flipped(8 * (part + 1)),
  );
  faults.push(
    (blob) => blob.subarray(0, -1),
    (blob) => Buffer.concat([blob, Buffer.alloc(1)]),
  );
  for (const fault of faults) await expect(inPieces(said, said.listing, fault)).rejects.toThrow(differs);
});

test('zstd:chunked: an entry less or more in the table of contents', async () => {
  const said = await written('zstd:chunked');
  for (const listing of [said.listing.slice(1), [...said.listing, said.listing[0]!]])
    await expect(inPieces(said, listing)).rejects.toThrow(differs);
});
