/** Layers that mean harm: each is refused, and nothing is written outside of the tree. */
import { mkdir, mkdtemp, readdir, readFile, readlink, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { byteString } from '../../src/host/paths.ts';
import { endOfArchive, padding, tarHeader, type TarEntry } from '../../src/layer/tar.ts';
import { unpackLayer } from '../../src/layer/unpack.ts';
import { mediaTypes } from '../../src/layer/compress.ts';

let place: string;
let root: string;
beforeEach(async () => {
  place = await mkdtemp(join(tmpdir(), 'unpack-'));
  root = join(place, 'root');
  await mkdir(join(root, 'there'), { recursive: true });
  await writeFile(join(root, 'there', 'file'), 'below');
  await writeFile(join(place, 'outside'), 'outside');
  await symlink(place, join(root, 'out'));
});
afterEach(() => rm(place, { recursive: true }));

type Part = Partial<Omit<TarEntry, 'path' | 'linkTarget'>> & {
  path: string;
  link?: string;
  content?: string;
};

function layer(...parts: Part[]): Readable {
  const blocks = parts.flatMap(({ path, link, content = '', ...rest }) => [
    tarHeader({
      type: 'file',
      mode: 0o644,
      uid: 0,
      gid: 0,
      mtime: 1,
      size: content.length,
      ...rest,
      path: byteString(path),
      linkTarget: byteString(link ?? ''),
    }),
    Buffer.from(content),
    padding(content.length),
  ]);
  return Readable.from([gzipSync(Buffer.concat([...blocks, endOfArchive]))]);
}

const unpack = (...parts: Part[]) => unpackLayer(root, layer(...parts), mediaTypes.gzip);

const harmful: [string, Part[]][] = [
  ['a path that leads upward', [{ path: '../escaped', content: 'x' }]],
  ['one that leads upward in its middle', [{ path: 'there/../../escaped', content: 'x' }]],
  ['an absolute path', [{ path: '/escaped', content: 'x' }]],
  ['a path through a link that is there', [{ path: 'out/escaped', content: 'x' }]],
  [
    'a path through a link of its own',
    [
      { path: 'own', type: 'symlink', link: '..' },
      { path: 'own/escaped', content: 'x' },
    ],
  ],
  ['a hard link outward', [{ path: 'stolen', type: 'link', link: '../outside' }]],
  ['a hard link through a link', [{ path: 'stolen', type: 'link', link: 'out/outside' }]],
  ['a hard link to a directory', [{ path: 'stolen', type: 'link', link: 'there' }]],
  ['a hard link to nothing', [{ path: 'stolen', type: 'link', link: 'nowhere' }]],
  ['a whiteout through a link', [{ path: 'out/.wh.outside' }]],
  ['a whiteout of the directory above', [{ path: 'there/.wh...' }]],
  ['a whiteout of nothing', [{ path: '.wh.' }]],
  ['a path twice', [{ path: 'a' }, { path: 'a' }]],
  ['a file and its deletion', [{ path: 'a' }, { path: '.wh.a' }]],
  ['a file in a file', [{ path: 'there/file/x' }]],
  ['a root that is a file', [{ path: '.', content: 'x' }]],
];

test.each(harmful)('%s', async (_name, parts) => {
  await expect(unpack(...parts)).rejects.toMatchObject({ code: 'LAYER_INVALID' });
  expect((await readdir(place)).toSorted()).toEqual(['outside', 'root']);
  expect(await readFile(join(place, 'outside'), 'utf8')).toBe('outside');
});

test('a link is replaced by what the layer has in its place, not followed', async () => {
  await unpack({ path: 'out', content: 'inside' });
  expect(await readFile(join(root, 'out'), 'utf8')).toBe('inside');
  await unpack({ path: 'out', type: 'symlink', link: '/anywhere' });
  expect(await readlink(join(root, 'out'))).toBe('/anywhere');
  expect((await readdir(place)).toSorted()).toEqual(['outside', 'root']);
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
