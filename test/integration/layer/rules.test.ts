/** What the writer of layers takes, their reader takes: held against each other, with the kernel as the third. Needs root. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { byteString } from '../../../src/lib/host/paths.ts';
import { unpackTar } from '../../../src/stages/layer/apply/unpack.ts';
import { tarEntry } from '../../../src/stages/layer/tar/entry.ts';
import type { TarEntry } from '../../../src/stages/layer/tar/tar-entry.ts';
import { endOfArchive, tarHeader } from '../../helpers/layer-writer/tar-writer.ts';
import { isDirectory, isRegular, type TreeEntry } from '../../../src/stages/layer/tree.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'milliner-rules-'));
});
afterEach(() => rm(root, { recursive: true }));

const types = { file: 0o100000, link: 0o120000, character: 0o020000, block: 0o060000, fifo: 0o010000 };

function entryOf(path: string, fields: Partial<TreeEntry> = {}): TreeEntry {
  const numbers = { uid: 0, gid: 0, size: 0, allocated: 0, mtimeSeconds: 1, mtimeNanoseconds: 0, links: 1 };
  const devices = { deviceMajor: 0, deviceMinor: 0, ctimeNanoseconds: 0n, inode: 1n };
  return { path: byteString(path), mode: types.file | 0o644, ...numbers, ...devices, ...fields };
}

async function read(entry: TarEntry): Promise<void> {
  await unpackTar(
    root,
    (async function* () {
      yield Buffer.concat([tarHeader(entry), endOfArchive]);
    })(),
  );
}

/** As if nothing had been checked. */
function unchecked(entry: TreeEntry): TarEntry {
  const names: Record<number, TarEntry['type']> = {
    [types.file]: 'file',
    [types.link]: 'symlink',
    [types.character]: 'character',
    [types.block]: 'block',
    [types.fifo]: 'fifo',
  };
  const { path, mode, uid, gid, mtimeSeconds, target, deviceMajor, deviceMinor, xattrs } = entry;
  const type = names[mode & 0o170000]!;
  const rest = { mtime: mtimeSeconds, linkTarget: target, deviceMajor, deviceMinor, xattrs };
  return { path, type, mode: mode & 0o7777, uid, gid, size: 0, ...rest };
}

const device = (type: number, deviceMajor: number, deviceMinor: number) => ({
  mode: type | 0o600,
  deviceMajor,
  deviceMinor,
});
const bytes = (length: number) => Buffer.alloc(length, 1);

test.each<[string, TreeEntry]>([
  ['the character device that overlayfs reads as a deletion', entryOf('a', device(types.character, 0, 0))],
  ['a block device of the same numbers', entryOf('a', device(types.block, 0, 0))],
  ['a disk', entryOf('dev/sda', device(types.block, 8, 0))],
  ['memory', entryOf('dev/mem', device(types.character, 1, 1))],
  ['the numbers of /dev/null on a block device', entryOf('dev/null', device(types.block, 1, 3))],
  ['a long path', entryOf(Array.from({ length: 40 }, () => 'n'.repeat(100)).join('/'))],
  ['a path of one byte too many', entryOf(`${'a/'.repeat(1536)}b`)],
  ["overlayfs's note", entryOf('a', { xattrs: { 'trusted.overlay.opaque': bytes(1) } })],
  ['the same by a user', entryOf('a', { xattrs: { 'user.overlay.whiteout': bytes(1) } })],
  ["fuse-overlayfs's note", entryOf('a', { xattrs: { 'user.fuseoverlayfs.opaque': bytes(1) } })],
  ['one attribute larger than a block', entryOf('a', { xattrs: { 'user.a': bytes(4090) } })],
  [
    'many that are small',
    entryOf('a', {
      xattrs: Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`user.${i}`, bytes(1)])),
    }),
  ],
  ['a time that is none', entryOf('a', { mtimeSeconds: 2 ** 40 })],
  ['nobody', entryOf('a', { uid: 0xffff_ffff })],
  ['a link to nothing', entryOf('a', { mode: types.link | 0o777, target: byteString('') })],
])('neither takes %s', async (_what, entry) => {
  expect(() => tarEntry(entry)).toThrow(expect.objectContaining({ code: 'IMAGE_UNREPRESENTABLE' }) as Error);
  await expect(read(unchecked(entry))).rejects.toMatchObject({ code: 'LAYER_INVALID' });
});

test('an equals sign in the name of an attribute is refused: a header cannot name it', () => {
  const entry = entryOf('a', { xattrs: { 'user.a=b': bytes(1) } });
  expect(() => tarEntry(entry)).toThrow(expect.objectContaining({ code: 'IMAGE_UNREPRESENTABLE' }) as Error);
});

const name = fc.oneof(
  fc.string({ minLength: 1, maxLength: 20, unit: 'grapheme' }),
  fc.nat({ max: 300 }).map((length) => 'n'.repeat(length + 1)),
  fc.constantFrom('.a', '...', ' ', '\\', '\n', '-', 'ä'.repeat(120)),
);
const path = fc.oneof(
  fc.array(name, { minLength: 1, maxLength: 5 }),
  fc.nat({ max: 60 }).map((depth) => Array.from({ length: depth + 1 }, () => 'd'.repeat(60))),
);
const attribute = fc.tuple(
  fc.oneof(
    fc.string({ minLength: 1, maxLength: 40 }).map((text) => `user.${text}`),
    fc.nat({ max: 260 }).map((length) => `user.${'x'.repeat(length + 1)}`),
    fc.constantFrom('trusted.overlay.origin', 'user.overlay.x', 'trusted.other', 'security.other'),
  ),
  fc.nat({ max: 4200 }).map(bytes),
);
const anyEntry = fc.record({
  path,
  type: fc.constantFrom(...Object.values(types)),
  mode: fc.nat({ max: 0o7777 }),
  uid: fc.nat({ max: 0xffff_ffff }),
  gid: fc.nat({ max: 0xffff_ffff }),
  mtime: fc.integer({ min: -(2 ** 38), max: 2 ** 38 }),
  major: fc.oneof(fc.constantFrom(0, 1, 5, 8), fc.nat({ max: 4095 })),
  minor: fc.oneof(fc.nat({ max: 9 }), fc.nat({ max: 2 ** 20 - 1 })),
  target: fc.nat({ max: 4200 }).map((length) => 't'.repeat(length)),
  xattrs: fc.array(attribute, { maxLength: 4 }),
});

test('whatever the writer takes the reader takes', async () => {
  let taken = 0;
  const check = async ({ path: names, type, major, minor, xattrs, target, mtime, ...rest }: Drawn) => {
    // No file system has these, nor a name with a slash or a NUL.
    const sound = names
      .map((one) => one.replaceAll(/[/\0]/g, '_'))
      .filter((one) => one !== '.' && one !== '..');
    if (sound.length === 0 || sound.some((one) => one.startsWith('.wh.'))) return;
    const isFile = type === types.file;
    const entry = entryOf(sound.join('/'), {
      ...rest,
      mtimeSeconds: mtime,
      ...device(
        type | rest.mode,
        ...(type === types.character || type === types.block ? ([major, minor] as const) : ([0, 0] as const)),
      ),
      ...(type === types.link && { target: byteString(target) }),
      // Nor attributes of users on anything but files, or with a NUL in their names.
      ...(isFile && {
        xattrs: Object.fromEntries(
          xattrs
            .filter(([key]) => !key.includes('\0'))
            .map(([key, value]) => [Buffer.from(key).toString('latin1'), value]),
        ),
      }),
    });
    expect(isRegular(entry) || !isDirectory(entry)).toBe(true);
    let written: TarEntry;
    try {
      written = tarEntry(entry);
    } catch (error) {
      expect(error).toMatchObject({ code: 'IMAGE_UNREPRESENTABLE' });
      return;
    }
    taken++;
    await read(written);
    await rm(root, { recursive: true });
    root = await mkdtemp(join(tmpdir(), 'milliner-rules-'));
  };
  type Drawn = typeof anyEntry extends fc.Arbitrary<infer T> ? T : never;
  await fc.assert(fc.asyncProperty(anyEntry, check), { numRuns: 1500 });
  expect(taken).toBeGreaterThan(100);
});
