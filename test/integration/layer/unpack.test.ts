/** Layers that mean harm: each is refused, and nothing is written outside of the tree. */
import {
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gunzipSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { native } from '../../../src/lib/host/native.ts';
import { byteString } from '../../../src/lib/host/paths.ts';
import { sha256Of } from '../../../src/lib/oci/digest.ts';
import { unpackLayer } from '../../../src/stages/layer/apply/unpack.ts';
import { mediaTypes } from '../../../src/stages/layer/compress/compress.ts';
import { endOfArchive, tarHeader } from '../../helpers/layer-writer/tar-writer.ts';
import { character, excessive, harmful, tarOf, type Part } from '../../helpers/hostile-layers.ts';

let place: string;
let root: string;
beforeEach(async () => {
  place = await mkdtemp(join(tmpdir(), 'unpack-'));
  root = join(place, 'root');
  await mkdir(join(root, 'there'), { recursive: true });
  await writeFile(join(root, 'there', 'file'), 'below');
  await writeFile(join(place, 'outside'), 'outside');
  await mkdir(join(place, 'sub'), { mode: 0o700 });
  await symlink(place, join(root, 'out'));
});
afterEach(() => rm(place, { recursive: true }));

function layer(...parts: Part[]): Readable {
  return Readable.from([gzipSync(tarOf(parts))]);
}

/** As of an image that anybody may have made. */
const foreign = { maxBytes: 1 << 20 };
const unpack = (...parts: Part[]) => unpackLayer(root, layer(...parts), mediaTypes.gzip, foreign);
test.each([...harmful, ...excessive])('%s', async (_name, parts) => {
  await expect(unpack(...parts)).rejects.toMatchObject({ code: 'LAYER_INVALID' });
  await expectUntouched();
});

async function expectUntouched(): Promise<void> {
  expect((await readdir(place)).toSorted()).toEqual(['outside', 'root', 'sub']);
  expect(await readFile(join(place, 'outside'), 'utf8')).toBe('outside');
  expect((await stat(join(place, 'sub'))).mode & 0o777).toBe(0o700);
}

/** One header with what no writer writes: changed at an offset, its checksum made anew. */
function forged(offset: number, bytes: Buffer): Buffer {
  const header = tarHeader({
    path: byteString('a'),
    type: 'file',
    mode: 0o644,
    uid: 0,
    gid: 0,
    size: 0,
    mtime: 0,
  });
  bytes.copy(header, offset);
  header.write('        ', 148, 'latin1');
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return Buffer.concat([header, endOfArchive]);
}

const size = 124;
const type = 156;
const broken: [string, Buffer][] = [
  ['a negative size', forged(size, Buffer.from('-0000000001\0'))],
  ['a negative size in binary', forged(size, Buffer.alloc(12, 0xff))],
  ['a size beyond all files', forged(size, Buffer.from('807fffffffffffffffffffff', 'hex'))],
  ['a size that nothing follows', forged(size, Buffer.from('77777777777\0'))],
  ['a sparse file', forged(type, Buffer.from('S'))],
  ['a type that nobody knows', forged(type, Buffer.from('Z'))],
  [
    'an extended header of 8 GiB',
    Buffer.concat([forged(size, Buffer.from('77777777777\0x')).fill('x', type, type + 1)]),
  ],
];

test.each(broken)('%s', async (_name, bytes) => {
  const blob = Readable.from([gzipSync(bytes)]);
  await expect(unpackLayer(root, blob, mediaTypes.gzip, foreign)).rejects.toMatchObject({
    code: 'LAYER_INVALID',
  });
  await expectUntouched();
});

/** Of a kind and of bytes that no compressed layer of an honest builder holds. */
test.each(['gzip', 'zstd'] as const)('a bomb of %s', async (kind) => {
  const header = tarHeader({
    path: byteString('bomb'),
    type: 'file',
    mode: 0o644,
    uid: 0,
    gid: 0,
    size: 48 << 20,
    mtime: 0,
  });
  const bomb = Buffer.concat([header, Buffer.alloc(48 << 20)]);
  const bytes = kind === 'gzip' ? gzipSync(bomb) : zstdCompressSync(bomb);
  await expect(unpackLayer(root, Readable.from([bytes]), mediaTypes[kind], foreign)).rejects.toMatchObject({
    code: 'LAYER_INVALID',
  });
  expect((await stat(join(root, 'bomb'))).size).toBeLessThanOrEqual(foreign.maxBytes);
});

test('a layer with another content than the configuration says', async () => {
  const blob = () => layer({ path: 'a', content: 'x' });
  const bytes = Buffer.concat((await blob().toArray()) as Buffer[]);
  const diffID = sha256Of(gunzipSync(bytes));
  await unpackLayer(root, blob(), mediaTypes.gzip, { ...foreign, diffID });
  const other = unpackLayer(root, blob(), mediaTypes.gzip, { ...foreign, diffID: sha256Of(bytes) });
  await expect(other).rejects.toMatchObject({ code: 'LAYER_INVALID' });
});

test('what is odd and allowed is applied', async () => {
  await unpack(
    { path: 'dev/zero', ...character, mode: 0o666 },
    { path: 'pipe', type: 'fifo' },
    { path: 'nobody/.wh.there' },
    { path: '.wh.neither' },
    { path: 'a/deep/file', mode: 0o6755, content: 'x' },
    { path: 'a', type: 'directory', mode: 0o1777 },
    { path: 'labelled', xattrs: { 'security.selinux': Buffer.from('x'), 'user.kept': Buffer.from('y') } },
    { path: 'there', content: 'a file over a directory' },
    { path: 'out', type: 'directory', mode: 0o700 },
  );
  const modeOf = async (path: string) => (await lstat(join(root, path))).mode.toString(8);
  expect(await modeOf('dev/zero')).toBe('20666');
  expect(await modeOf('dev')).toBe('40755');
  expect(await modeOf('pipe')).toBe('10644');
  expect(await modeOf('a')).toBe('41777');
  expect(await modeOf('a/deep')).toBe('40755');
  expect(await modeOf('a/deep/file')).toBe('106755');
  expect(await modeOf('there')).toBe('100644');
  expect(await modeOf('out')).toBe('40700');
  const { xattrs } = await native().lstat(join(root, 'labelled'));
  expect(Object.keys(xattrs ?? {})).toContain('user.kept');
  expect(await readdir(root)).not.toContain('nobody');
  await expectUntouched();
});

test('an opaque directory hides what lies deep below it, whatever comes first', async () => {
  await mkdir(join(root, 'there', 'sub'));
  await writeFile(join(root, 'there', 'sub', 'old'), 'below');
  await unpack(
    { path: 'there', type: 'directory', mode: 0o755 },
    { path: 'there/sub', type: 'directory', mode: 0o755 },
    { path: 'there/sub/new', content: 'new' },
    { path: 'there/.wh..wh..opq' },
  );
  expect(await readdir(join(root, 'there'), { recursive: true })).toEqual(['sub', 'sub/new']);
});

test('a link is replaced by what the layer has in its place, not followed', async () => {
  await unpack({ path: 'out', content: 'inside' });
  expect(await readFile(join(root, 'out'), 'utf8')).toBe('inside');
  await unpack({ path: 'out', type: 'symlink', link: '/anywhere' });
  expect(await readlink(join(root, 'out'))).toBe('/anywhere');
  await expectUntouched();
});

test('an opaque directory keeps what its own layer puts there', async () => {
  await unpack(
    { path: 'there', type: 'directory', mode: 0o755 },
    { path: 'there/new', content: 'new' },
    { path: 'there/.wh..wh..opq' },
  );
  expect(await readdir(join(root, 'there'))).toEqual(['new']);
});

test('bytes that are no layer', async () => {
  const as = (bytes: Buffer, mediaType: string) => unpackLayer(root, Readable.from([bytes]), mediaType);
  for (const mediaType of Object.values(mediaTypes)) {
    await expect(as(Buffer.from('<html>404</html>'), mediaType)).rejects.toMatchObject({
      code: 'LAYER_INVALID',
    });
  }
  await expect(as(Buffer.alloc(0), 'text/plain')).rejects.toMatchObject({ code: 'LAYER_INVALID' });
});
