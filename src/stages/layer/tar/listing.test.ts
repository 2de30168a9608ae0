import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MillinerError } from '../../../lib/errors/error.ts';
import type { ByteString } from '../../../lib/host/paths.ts';
import { ListedTar, parseListing, serializeListing, type ListedEntry } from './listing.ts';
import { readTar } from './reader.ts';
import type { TarEntry, TarType } from './tar-entry.ts';
import { endOfArchive, padding, tarHeader } from '../../../../test/helpers/layer-writer/tar-writer.ts';

interface Part {
  entry: TarEntry;
  content: Buffer;
}

const name = fc
  .array(fc.integer({ min: 1, max: 255 }), { minLength: 1, maxLength: 120 })
  .map((bytes) => Buffer.from(bytes.filter((byte) => byte !== 0x2f)).toString('latin1') as ByteString)
  .filter((text) => text !== '' && text !== '.' && text !== '..');
const id = fc.oneof(fc.nat(70_000), fc.integer({ min: 0, max: 2 ** 31 }));
const common = {
  path: name,
  mode: fc.nat(0o7777),
  uid: id,
  gid: id,
  mtime: fc.integer({ min: -(2 ** 33), max: 2 ** 35 }),
  xattrs: fc.option(
    fc.dictionary(fc.stringMatching(/^[a-z.]{1,20}$/), fc.uint8Array({ maxLength: 40 }), { minKeys: 1 }),
    { nil: undefined },
  ),
};
const device = { deviceMajor: fc.nat(4095), deviceMinor: fc.nat(70_000) };
const ofType = (type: TarType, more: object = {}) =>
  fc.record({ ...common, ...more, type: fc.constant(type) });
const anyEntry = fc.oneof(
  ofType('file', { content: fc.uint8Array({ maxLength: 2000 }) }),
  ofType('directory'),
  ofType('fifo'),
  ofType('symlink', { linkTarget: name }),
  ofType('link', { linkTarget: name }),
  ofType('character', device),
  ofType('block', device),
);
const anyMembers = fc.array(anyEntry, { maxLength: 6 }).map((all) => all.map(partOf));

function partOf(one: object): Part {
  const { content = [], xattrs, ...entry } = one as TarEntry & { content?: Uint8Array };
  const values = Object.entries(xattrs ?? {}).map(([key, value]) => [key, Buffer.from(value)]);
  return {
    entry: {
      ...entry,
      size: content.length,
      ...(xattrs && { xattrs: Object.fromEntries(values) as Record<string, Buffer> }),
    },
    content: Buffer.from(content),
  };
}

const archiveOf = (members: Part[]) =>
  Buffer.concat([
    ...members.flatMap(({ entry, content }) => [tarHeader(entry), content, padding(content.length)]),
    endOfArchive,
  ]);

/** Each piece in memory that the next takes over, as a decompressor's chunks may be. */
function listed(archive: Buffer, cuts: number[]): ListedTar {
  const tar = new ListedTar();
  const chunk = Buffer.alloc(archive.length);
  const ends = [...cuts.map((cut) => cut % (archive.length + 1)).toSorted((a, b) => a - b), archive.length];
  let at = 0;
  for (const end of ends) {
    archive.copy(chunk, 0, at, end);
    tar.update(chunk.subarray(0, end - at));
    at = end;
  }
  return tar;
}

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

/** A reader of tar gives every field; what was not said is empty there. */
function expected({ entry, content }: Part): ListedEntry {
  const { type, path, linkTarget = '' as ByteString, deviceMajor = 0, deviceMinor = 0 } = entry;
  return {
    ...entry,
    linkTarget,
    deviceMajor,
    deviceMinor,
    xattrs: entry.xattrs,
    path: (type === 'directory' ? `${path}/` : path) as ByteString,
    ...(type === 'file' && { sha256: sha256(content) }),
  };
}

const byName = ([a]: [string, unknown], [b]: [string, unknown]) => (a < b ? -1 : 1);
const plain = (entries: readonly ListedEntry[]) =>
  entries.map(({ xattrs, ...entry }) => ({
    ...entry,
    xattrs: xattrs && Object.entries(xattrs).toSorted(byName),
  }));

test('however the stream is cut, what is listed is what was written', () => {
  fc.assert(
    fc.property(anyMembers, fc.array(fc.nat(), { maxLength: 12 }), (members, cuts) => {
      const archive = archiveOf(members);
      const tar = listed(archive, cuts);
      expect(tar.digest()).toBe(sha256(archive));
      expect(plain(tar.entries)).toEqual(plain(members.map(expected)));
    }),
  );
});

test('the unpacker reads the same', async () => {
  const property = fc.asyncProperty(anyMembers, async (members) => {
    const archive = archiveOf(members);
    const read: ListedEntry[] = [];
    await readTar(
      (async function* whole() {
        yield archive;
      })(),
      async (entry, content) => {
        const pieces = await Array.fromAsync(content);
        read.push({ ...entry, ...(entry.type === 'file' && { sha256: sha256(Buffer.concat(pieces)) }) });
      },
    );
    expect(plain(listed(archive, []).entries)).toEqual(plain(read));
  });
  await fc.assert(property);
});

const file = partOf({
  type: 'file',
  path: 'a',
  mode: 0o644,
  uid: 0,
  gid: 0,
  mtime: 0,
  content: Buffer.from('abc'),
});
const sound = archiveOf([file]);
const flipped = (at: number) => {
  const copy = Buffer.from(sound);
  copy.writeUInt8(copy.readUInt8(at) ^ 1, at);
  return copy;
};

/** Of Seventh Edition Unix: without magic, and with a checksum that is right. */
function oldHeader(): Buffer {
  const copy = Buffer.from(sound);
  copy.fill(0, 257, 265);
  copy.fill(' ', 148, 156);
  const sum = copy.subarray(0, 512).reduce((total, byte) => total + byte, 0);
  copy.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return copy;
}

test.each<[string, Buffer]>([
  ['nothing', Buffer.alloc(0)],
  ['without its end', sound.subarray(0, -endOfArchive.length)],
  ['with half of its end', sound.subarray(0, -512)],
  ['that ends in a header', sound.subarray(0, 300)],
  ['that ends in content', sound.subarray(0, 514)],
  ['that ends in padding', sound.subarray(0, 600)],
  ['with something behind its end', Buffer.concat([sound, sound])],
  ['with a block of zeros behind its end', Buffer.concat([sound, Buffer.alloc(512)])],
  ['with a header whose checksum is wrong', flipped(0)],
  ['whose size is another', flipped(134)],
  ['with a header of old', oldHeader()],
])('a stream %s is refused', (_, archive) => {
  let code: string | undefined;
  try {
    listed(archive, []).digest();
  } catch (error) {
    code = error instanceof MillinerError ? error.code : String(error);
  }
  expect(code).toBe('LAYERS_DIFFER');
});

test('a listing is stored and read back as it was, in pieces of any size', async () => {
  const property = fc.asyncProperty(anyMembers, fc.integer({ min: 1, max: 500 }), async (members, size) => {
    const { entries } = listed(archiveOf(members), []);
    const text = serializeListing(entries).toArray().join('');
    async function* pieces() {
      for (let at = 0; at < text.length; at += size) yield text.slice(at, at + size);
    }
    expect(plain(await parseListing(pieces()))).toEqual(plain(entries));
  });
  await fc.assert(property, { numRuns: 50 });
});
