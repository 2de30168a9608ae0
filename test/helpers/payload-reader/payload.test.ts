import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { archive, entry, headerBlob, packageEntries, type ArchiveEntry } from '../rpm/synthesize.ts';
import { MillinerError } from '../../../src/lib/errors/error.ts';
import { fileType, readFiles, type RpmFile } from '../../../src/lib/rpm/file-list.ts';
import { Header } from '../../../src/lib/rpm/header.ts';
import { matchPayload } from './payload.ts';

const refuse = (what: string) => new MillinerError('PACKAGE_INVALID', what);
const directory = fileType.directory | 0o755;
const link = fileType.link | 0o777;

const digest = (text: string) => (text ? createHash('sha256').update(text).digest('hex') : '');
const contents = ['', 'data', 'data', '', 'hello, world', '', ''];
const header = new Header(
  headerBlob(
    63,
    packageEntries(
      [
        { path: '/d', mode: directory },
        { path: '/d/hard1', size: 4, inode: 7 },
        { path: '/d/hard2', size: 4, inode: 7 },
        { path: '/d/soft', mode: link, target: 'plain' },
        { path: '/d/plain', size: 12 },
        { path: '/d/empty' },
        { path: '/d/ghost', flags: 64 },
      ],
      [entry('FILEDIGESTS', ...contents.map(digest)), entry('FILEDIGESTALGO', 8)],
    ),
  ),
  'package',
  refuse,
);
const files = readFiles(header, refuse);

const good: ArchiveEntry[] = [
  { name: './d', mode: directory },
  { name: './d/hard1' },
  { name: './d/hard2', content: 'data' },
  { name: './d/soft', mode: link, content: 'plain' },
  { name: './d/plain', content: 'hello, world' },
  { name: './d/empty' },
];
const stripped: ArchiveEntry[] = [
  { index: 0 },
  { index: 1 },
  { index: 2, content: 'data' },
  { index: 3, content: 'plain' },
  { index: 4, content: 'hello, world' },
  { index: 5 },
];
const expected = [
  [['d/hard1', 'd/hard2'], 'data'],
  [['d/plain'], 'hello, world'],
  [['d/empty'], ''],
];

/** In pieces of a few bytes, so that every boundary falls everywhere. */
async function* pieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function read(bytes: Buffer, size = 7, list: RpmFile[] = files) {
  const found: [string[], string][] = [];
  for await (const { links, content } of matchPayload(list, pieces(bytes, size), refuse)) {
    const chunks: Buffer[] = [];
    for await (const piece of content) chunks.push(piece);
    found.push([links.map((file) => file.path), Buffer.concat(chunks).toString()]);
  }
  return found;
}

test.each([1, 3, 4, 512])('gives each file once, in pieces of %i bytes', async (size) => {
  expect(await read(archive(good), size)).toEqual(expected);
  expect(await read(archive(stripped), size)).toEqual(expected);
});

test('names may begin with a slash, or with nothing', async () => {
  for (const prefix of ['/', '']) {
    const renamed = good.map((it) => ({ ...it, name: it.name?.replace('./', prefix) ?? '' }));
    expect(await read(archive(renamed))).toEqual(expected);
  }
});

test('content may be left unread', async () => {
  const seen: string[] = [];
  for await (const { links } of matchPayload(files, pieces(archive(good), 5), refuse))
    seen.push(links[0].path);
  expect(seen).toEqual(['d/hard1', 'd/plain', 'd/empty']);
});

const without = (name: string) => good.filter((it) => it.name !== name);
const instead = (name: string, change: ArchiveEntry) =>
  good.map((it) => (it.name === name ? { ...it, ...change } : it));

test.each<[string, ArchiveEntry[]]>([
  ['a file that the header does not list', [...good, { name: './d/other' }]],
  ['a path that leads upwards', [...good, { name: '../d/plain', content: 'hello, world' }]],
  ['a path that leads out and in again', instead('./d/plain', { name: './d/../d/plain' })],
  ['a file twice', [...good, { name: 'd/empty' }]],
  ['a ghost in place of its content', [...good, { name: './d/ghost', content: 'boo' }]],
  ['a missing file', without('./d/empty')],
  ['a missing directory', without('./d')],
  ['a missing hard link', without('./d/hard1')],
  ['hard links without content', instead('./d/hard2', { content: '' })],
  ['hard links with content twice', instead('./d/hard1', { content: 'data' })],
  ['another size', instead('./d/plain', { content: 'hello' })],
  ['other bytes', instead('./d/plain', { content: 'HELLO, WORLD' })],
  ['another type', instead('./d/plain', { mode: directory })],
  ['another link target', instead('./d/soft', { content: 'other' })],
  ['a directory with content', instead('./d', { content: 'x' })],
  ['an index past the list', [...stripped, { index: 99 }]],
])('refuses %s', async (_, entries) => {
  await expect(read(archive(entries))).rejects.toMatchObject({ code: 'PACKAGE_INVALID' });
});

test('refuses an archive without an end, and one with more behind it', async () => {
  await expect(read(archive(good, false))).rejects.toMatchObject({ code: 'PACKAGE_INVALID' });
  const long = Buffer.concat([archive(good), Buffer.alloc(1 << 20)]);
  await expect(read(long, 4096)).rejects.toMatchObject({ code: 'PACKAGE_INVALID' });
  expect(await read(Buffer.concat([archive(good), Buffer.alloc(512)]))).toEqual(expected);
});

test('refuses every cut', async () => {
  const bytes = archive(good);
  for (let length = 0; length < bytes.length - 3; length += 5) {
    await expect(read(bytes.subarray(0, length))).rejects.toMatchObject({ code: 'PACKAGE_INVALID' });
  }
});

test('an early end of the iteration closes the source', async () => {
  let closed = false;
  async function* source(): AsyncGenerator<Buffer> {
    try {
      yield* pieces(archive(good), 16);
    } finally {
      closed = true;
    }
  }
  for await (const _ of matchPayload(files, source(), refuse)) break;
  expect(closed).toBe(true);
});
