/** zstd:chunked, held against what containers/storage itself writes, and read by it piece by piece. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { zstdDecompressSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { byteString } from '../../../src/lib/host/paths.ts';
import type { SplitEntry, TocEntry } from '../../../src/stages/layer/compress/chunked/trailer.ts';
import { writtenLayer } from '../../helpers/layer-writer/written-layer.ts';
import type { TarType } from '../../../src/stages/layer/tar/tar-entry.ts';
import { endOfArchive, tarBytes, type TarMember } from '../../helpers/layer-writer/tar-writer.ts';
import { skopeo } from '../../helpers/trixie.ts';

let work: string;
beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'milliner-chunked-'));
});
afterAll(() => rm(work, { recursive: true, force: true }));

/** Repeatable bytes that do not compress, so that chunks are cut by the rolling sum. */
function noise(seed: string, size: number): Buffer {
  const pieces: Buffer[] = [];
  for (let at = 0; at * 32 < size; at++) pieces.push(createHash('sha256').update(`${seed} ${at}`).digest());
  return Buffer.concat(pieces).subarray(0, size);
}

const contents: Record<string, Buffer> = {
  empty: Buffer.alloc(0),
  'one byte': Buffer.from('x'),
  text: Buffer.from('some text\n'.repeat(20)),
  'a block': noise('block', 512),
  large: noise('large', 700_000),
  zeros: Buffer.alloc(5000),
  'fewer zeros than make a hole': Buffer.concat([noise('a', 300), Buffer.alloc(1023), noise('b', 300)]),
  'as many': Buffer.concat([noise('c', 300), Buffer.alloc(1024), noise('d', 300)]),
  'zeros at both ends': Buffer.concat([Buffer.alloc(3000), noise('e', 90_000), Buffer.alloc(2000)]),
  'holes in large': Buffer.concat([noise('f', 200_000), Buffer.alloc(70_000), noise('g', 200_000)]),
  'ümlaut ✓': noise('h', 1000),
};

const entry = (path: string, type: TarType, more: object = {}) => ({
  path: byteString(path),
  type,
  mode: 0o755,
  uid: 0,
  gid: 7,
  size: 0,
  mtime: 1_700_000_000,
  ...more,
});

/** Of the kinds that a reader takes in pieces. */
function parts(): TarMember[] {
  const files = Object.entries(contents).map(([name, bytes]) => ({
    entry: entry(`dir/${name}`, 'file', { size: bytes.length, mode: 0o4755, mtime: bytes.length }),
    // In pieces of an odd size: where they end must not show.
    content: Array.from({ length: Math.ceil(bytes.length / 7001) }, (_, i) =>
      bytes.subarray(i * 7001, (i + 1) * 7001),
    ),
  }));
  const xattrs = { 'security.capability': Buffer.from([1, 0, 0, 2, 0xff]), 'user.note': Buffer.from('kept') };
  return [
    { entry: entry('dir', 'directory', { mtime: 0 }) },
    ...files,
    { entry: entry('dir/link', 'symlink', { linkTarget: byteString('one byte'), mode: 0o777 }) },
    { entry: entry('dir/hard', 'link', { linkTarget: byteString('dir/large') }) },
    { entry: entry('dir/xattrs', 'file', { size: 3, xattrs }), content: [Buffer.from('abc')] },
    { entry: entry(`dir/${'long'.repeat(40)}`, 'file', { size: 2 }), content: [Buffer.from('ab')] },
  ];
}

const nodes: TarMember[] = [
  { entry: entry('dir/null', 'character', { deviceMajor: 1, deviceMinor: 3 }) },
  { entry: entry('dir/disk', 'block', { deviceMajor: 8, deviceMinor: 0 }) },
  { entry: entry('dir/fifo', 'fifo') },
];

interface Described {
  toc: { version: number; entries: TocEntry[]; tarSplitDigest: string };
  split: (SplitEntry & { position: number })[];
}

const prefix = 'io.github.containers.zstd-chunked.';

/** As a reader does it: by the annotations alone. */
function describe(blob: Buffer, annotations: Record<string, string>): Described {
  const part = (name: string) => {
    const [at, length] = annotations[`${prefix}${name}`]!.split(':').map(Number) as [number, number];
    return blob.subarray(at, at + length);
  };
  const packed = part('manifest-position');
  expect(`sha256:${createHash('sha256').update(packed).digest('hex')}`).toBe(
    annotations[`${prefix}manifest-checksum`],
  );
  const toc = JSON.parse(zstdDecompressSync(packed).toString()) as Described['toc'];
  const split = part('tarsplit-position');
  expect(`sha256:${createHash('sha256').update(split).digest('hex')}`).toBe(toc.tarSplitDigest);
  const lines = zstdDecompressSync(split).toString().trim().split('\n');
  return { toc, split: lines.map((line) => JSON.parse(line) as Described['split'][number]) };
}

/** Writes an image of one layer, has Debian 13's skopeo compress it anew, and gives that layer. */
async function written(tar: Buffer): Promise<{ blob: Buffer; annotations: Record<string, string> }> {
  const [from, to] = [join(work, 'plain'), join(work, 'chunked')];
  mkdirSync(join(from, 'blobs/sha256'), { recursive: true });
  const put = (mediaType: string, bytes: Buffer) => {
    const hex = createHash('sha256').update(bytes).digest('hex');
    writeFileSync(join(from, 'blobs/sha256', hex), bytes);
    return { mediaType, digest: `sha256:${hex}`, size: bytes.length };
  };
  const json = (mediaType: string, value: object) => put(mediaType, Buffer.from(JSON.stringify(value)));
  const oci = 'application/vnd.oci.image';
  const diffID = `sha256:${createHash('sha256').update(tar).digest('hex')}`;
  const config = json(`${oci}.config.v1+json`, {
    architecture: 'amd64',
    os: 'linux',
    rootfs: { type: 'layers', diff_ids: [diffID] },
  });
  const layers = [put(`${oci}.layer.v1.tar`, tar)];
  const manifest = json(`${oci}.manifest.v1+json`, { schemaVersion: 2, config, layers });
  writeFileSync(join(from, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [manifest] }));
  writeFileSync(join(from, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  const options = ['--dest-compress', '--dest-compress-format', 'zstd:chunked'];
  await skopeo(['--insecure-policy', 'copy', '-q', ...options, `oci:${from}`, `dir:${to}`], {
    env: { TZ: 'UTC' },
  });
  const copied = JSON.parse(readFileSync(join(to, 'manifest.json'), 'utf8')) as {
    layers: { digest: string; annotations: Record<string, string> }[];
  };
  const [layer] = copied.layers;
  expect(readdirSync(to)).toContain(layer!.digest.slice('sha256:'.length));
  return {
    blob: readFileSync(join(to, layer!.digest.slice('sha256:'.length))),
    annotations: layer!.annotations,
  };
}

/** Where a frame begins depends on the compressor. */
function withoutOffsets({ offset: _offset, endOffset: _end, ...rest }: TocEntry): object {
  return rest;
}

test('its table of contents and tar-split are those that containers/storage writes of the same tar', async () => {
  const tar = Buffer.concat([await buffer(tarBytes(parts())), endOfArchive]);
  const theirs = await written(tar);
  const { bytes: blob, annotations } = await writtenLayer([parts()], { kind: 'zstd:chunked', level: 3 });
  const [ours, reference] = [describe(blob, annotations!), describe(theirs.blob, theirs.annotations)];
  expect(ours.toc.entries.map(withoutOffsets)).toEqual(reference.toc.entries.map(withoutOffsets));
  expect(rebuilt(ours.split)).toEqual(rebuilt(reference.split));
  expect(ours.split.map(({ position }) => position)).toEqual([...ours.split.keys()]);
  // A plain reader sees nothing but the tar.
  expect(execFileSync('zstd', ['-dc'], { input: blob, maxBuffer: 1 << 28 }).equals(tar)).toBe(true);
});

/** tar-split may cut what lies between two files as it likes: the bytes and the files count. */
function rebuilt(split: Described['split']): object[] {
  const result: { bytes?: string; file?: object }[] = [];
  for (const { type, name, size, payload } of split) {
    const last = result.at(-1);
    if (type === 1) {
      if ((size ?? 0) > 0) result.push({ file: { name, size, payload } });
    } else if (last?.bytes === undefined) {
      result.push({ bytes: Buffer.from(payload!, 'base64').toString('hex') });
    } else last.bytes += Buffer.from(payload!, 'base64').toString('hex');
  }
  return result;
}

test('every chunk lies where the table of contents says, and holds what it says', async () => {
  const { bytes: blob, annotations } = await writtenLayer([parts()], { kind: 'zstd:chunked', level: 3 });
  const { toc } = describe(blob, annotations!);
  for (const [name, bytes] of Object.entries(contents)) {
    const chunks = toc.entries.filter((one) => one.name === `dir/${name}`);
    const ends = [...chunks.slice(1).map(({ offset }) => offset!), chunks[0]!.endOffset!];
    const found = chunks.map(({ offset }, index) =>
      bytes.length === 0 ? Buffer.alloc(0) : zstdDecompressSync(blob.subarray(offset, ends[index])),
    );
    expect(Buffer.concat(found).equals(bytes), name).toBe(true);
    if (bytes.length === 0) continue;
    expect(chunks[0]!['digest'], name).toBe(`sha256:${createHash('sha256').update(bytes).digest('hex')}`);
  }
});

test.each(nodes)(
  'a layer that holds what a reader of pieces leaves out is to be taken whole: $entry.type',
  async (node) => {
    const how = { kind: 'zstd:chunked' as const, level: 3 };
    expect((await writtenLayer([[...parts(), node]], how)).annotations).toBeUndefined();
  },
);
