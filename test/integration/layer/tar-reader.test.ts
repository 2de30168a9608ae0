import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type ByteString } from '../../../src/lib/host/paths.ts';
import { readTar } from '../../../src/stages/layer/tar/reader.ts';
import type { TarEntry } from '../../../src/stages/layer/tar/tar-entry.ts';
import { endOfArchive, padding, tarHeader } from '../../helpers/layer-writer/tar-writer.ts';
import { tarEntry as entry } from '../../helpers/tar-entry.ts';

interface Read {
  entry: TarEntry;
  content: string;
}

async function* inPieces(archive: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < archive.length; at += size) yield archive.subarray(at, at + size);
}

async function read(archive: Buffer, piece = 1000): Promise<Read[]> {
  const found: Read[] = [];
  await readTar(inPieces(archive, piece), async (one, content) => {
    const pieces: Buffer[] = [];
    for await (const part of content) pieces.push(part);
    found.push({ entry: one, content: Buffer.concat(pieces).toString('latin1') });
  });
  return found;
}

function archiveOf(entries: { entry: TarEntry; content: Buffer }[]): Buffer {
  const parts = entries.flatMap((one) => [tarHeader(one.entry), one.content, padding(one.content.length)]);
  return Buffer.concat([...parts, endOfArchive]);
}

const name = fc
  .array(fc.integer({ min: 1, max: 255 }), { minLength: 1, maxLength: 120 })
  .map((bytes) => Buffer.from(bytes.filter((byte) => byte !== 0x2f)).toString('latin1') as ByteString)
  .filter((text) => text !== '' && text !== '.' && text !== '..');
const number = (most: number) => fc.oneof(fc.nat(), fc.integer({ min: 0, max: most }));
const anyFile = fc.record({
  path: name,
  mode: fc.nat(0o7777),
  uid: number(2 ** 31),
  gid: number(2 ** 31),
  mtime: fc.integer({ min: -(2 ** 33), max: 2 ** 35 }),
  xattrs: fc.option(fc.dictionary(fc.stringMatching(/^[a-z.]{1,20}$/), fc.uint8Array({ maxLength: 40 })), {
    nil: undefined,
  }),
  content: fc.uint8Array({ maxLength: 2000 }),
});

test('what the writer writes is read back, in pieces of any size', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(anyFile, { maxLength: 6 }),
      fc.integer({ min: 1, max: 3000 }),
      async (files, piece) => {
        const entries = files.map(({ content, xattrs, ...rest }) => ({
          entry: entry({
            ...rest,
            size: content.length,
            xattrs:
              xattrs &&
              Object.fromEntries(Object.entries(xattrs).map(([key, value]) => [key, Buffer.from(value)])),
          }),
          content: Buffer.from(content),
        }));
        const found = await read(archiveOf(entries), piece);
        expect(found.map(({ content }) => content)).toEqual(
          entries.map(({ content }) => content.toString('latin1')),
        );
        for (const [index, one] of found.entries()) {
          const { xattrs, ...wanted } = entries[index]!.entry;
          expect(one.entry).toMatchObject(wanted);
          expect(one.entry.xattrs ?? {}).toEqual(xattrs ?? {});
        }
      },
    ),
    { numRuns: process.env['MILLINER_SOAK'] ? 2000 : 100 },
  );
});

/** Python's tarfile shares nothing with ours. */
test.each(['USTAR_FORMAT', 'GNU_FORMAT', 'PAX_FORMAT'])("tarfile's %s", async (format) => {
  const script = `
import io, sys, tarfile
with tarfile.open(fileobj=sys.stdout.buffer, mode='w|', format=tarfile.${format}) as t:
    def add(name, type=tarfile.REGTYPE, data=b'', **more):
        i = tarfile.TarInfo(name); i.type = type; i.size = len(data)
        for k, v in more.items(): setattr(i, k, v)
        t.addfile(i, io.BytesIO(data))
    long = 'd/' * 40 + 'x' * 90
    add('d', tarfile.DIRTYPE, mode=0o755, mtime=12)
    add(long, data=b'long', uid=7, gid=8)
    add('l', tarfile.SYMTYPE, linkname='d/' * 30 + 'y')
    add('h', tarfile.LNKTYPE, linkname='d')
    add('c', tarfile.CHRTYPE, devmajor=1, devminor=3)
    add('f', tarfile.FIFOTYPE)
`;
  const found = await read(execFileSync('python3', ['-c', script]));
  expect(found.map(({ entry: one, content }) => [one.path.replace(/\/$/, ''), one.type, content])).toEqual([
    ['d', 'directory', ''],
    [`${'d/'.repeat(40)}${'x'.repeat(90)}`, 'file', 'long'],
    ['l', 'symlink', ''],
    ['h', 'link', ''],
    ['c', 'character', ''],
    ['f', 'fifo', ''],
  ]);
  expect(found[0]!.entry).toMatchObject({ mode: 0o755, mtime: 12 });
  expect(found[1]!.entry).toMatchObject({ uid: 7, gid: 8 });
  expect(found[2]!.entry.linkTarget).toBe(`${'d/'.repeat(30)}y`);
  expect(found[4]!.entry).toMatchObject({ deviceMajor: 1, deviceMinor: 3 });
});
