/** The addon writes the bytes that a second writer gives, which is made of node:zlib and node:crypto. */
import { createHash } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { byteString } from '../../../src/lib/host/paths.ts';
import { defaultLevel, type Compression } from '../../../src/stages/layer/compress/compress.ts';
import type { TarType } from '../../../src/stages/layer/tar/tar-entry.ts';
import { encodeLayer } from '../../helpers/layer-writer/encode.ts';
import { endOfArchive, tarBytes, type TarMember } from '../../helpers/layer-writer/tar-writer.ts';
import { SegmentBytes } from '../../../src/stages/layer/write/segment-bytes.ts';
import { inScratch, writtenLayer, writtenSegments } from '../../helpers/layer-writer/written-layer.ts';

/** Repeatable, and half of it compresses. */
function content(seed: string, size: number): Buffer {
  const pieces: Buffer[] = [];
  for (let at = 0; at * 64 < size; at++) {
    const noise = createHash('sha256').update(`${seed} ${at}`).digest();
    pieces.push(noise, Buffer.alloc(32, at % 7));
  }
  return Buffer.concat(pieces).subarray(0, size);
}

const member = (path: string, type: TarType, more: object = {}, bytes?: Buffer): TarMember => ({
  entry: {
    path: byteString(path),
    type,
    mode: 0o4755,
    uid: 1,
    gid: 2 ** 31,
    size: bytes?.length ?? 0,
    mtime: 1_700_000_000,
    ...more,
  },
  ...(bytes && { content: [bytes] }),
});

const members = (): TarMember[] => [
  member('d', 'directory', { mtime: -5 }),
  member('d/empty', 'file', {}, Buffer.alloc(0)),
  ...[1, 511, 512, 513, 70_000].map((size) => member(`d/${size}`, 'file', {}, content('a', size))),
  // Longer than the pieces that are compressed at once.
  member('d/large', 'file', { uid: 2 ** 22 }, content('large', 20_000_000)),
  member(
    'd/holes',
    'file',
    {},
    Buffer.concat([content('b', 5000), Buffer.alloc(6_000_000), content('c', 9)]),
  ),
  member(`d/${'n'.repeat(120)}`, 'symlink', { linkTarget: byteString('t'.repeat(101)) }),
  member('d/again', 'link', { linkTarget: byteString('d/1') }),
  member('d/null', 'character', { deviceMajor: 1, deviceMinor: 3 }),
  member('d/pipe', 'fifo'),
  member('d/ümlaut "\\ \u0001', 'file', { mtime: 2 ** 34 }, content('d', 10)),
  member('d/able', 'file', {
    xattrs: { 'security.capability': content('e', 20), 'user.z': Buffer.alloc(0) },
  }),
];

const levels: Compression[] = [
  ...(['zstd', 'zstd:chunked', 'gzip'] as const).map((kind) => ({ kind, level: defaultLevel[kind] })),
  { kind: 'zstd', level: 12 },
  { kind: 'gzip', level: 1 },
];

test.each(levels)('$kind of level $level', async (how) => {
  const second = encodeLayer(members(), how);
  const expected = await buffer(second.bytes);
  const { bytes, digest, diffID, annotations } = await writtenLayer([members()], how);
  const sha256 = (...all: Buffer[]) => all.reduce((sum, one) => sum.update(one), createHash('sha256'));
  expect(sha256(bytes).digest('hex')).toBe(sha256(expected).digest('hex'));
  expect(digest).toBe(`sha256:${sha256(expected).digest('hex')}`);
  expect(diffID).toBe(`sha256:${sha256(await buffer(tarBytes(members())), endOfArchive).digest('hex')}`);
  expect(annotations).toEqual(second.annotations());
});

test('a frame of a package without files has no bytes, and is laid into a layer all the same', async () => {
  const how: Compression = { kind: 'zstd', level: 3 };
  const nothing = new SegmentBytes().stored({ path: '/dev/null', offset: 0, size: 0 }).bytes();
  const end = await writtenLayer([], how);
  await inScratch(async (scratch) => {
    expect((await writtenSegments(nothing, how, scratch)).digest).toBe(end.digest);
  });
});
