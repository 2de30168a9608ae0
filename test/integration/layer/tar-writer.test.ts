import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { byteString, type ByteString } from '../../../src/lib/host/paths.ts';
import type { TarEntry } from '../../../src/stages/layer/tar/tar-entry.ts';
import { endOfArchive, padding, tarHeader } from '../../helpers/layer-writer/tar-writer.ts';
import { tarEntry as entry } from '../../helpers/tar-entry.ts';

/** Python's tarfile, an implementation that shares nothing with ours, tells what it reads. */
function readBack(archive: Buffer): Record<string, unknown>[] {
  const script = `
import json, sys, tarfile
with tarfile.open(fileobj=sys.stdin.buffer, mode='r|', errors='surrogateescape') as t:
    print(json.dumps([dict(name=m.name, type=m.type.decode(), mode=m.mode, uid=m.uid, gid=m.gid, size=m.size,
        mtime=m.mtime, link=m.linkname, major=m.devmajor, minor=m.devminor) for m in t]))`;
  return JSON.parse(execFileSync('python3', ['-c', script], { input: archive }).toString()) as Record<
    string,
    unknown
  >[];
}

const archiveOf = (entries: TarEntry[]) =>
  Buffer.concat([
    ...entries.flatMap((e) => [tarHeader(e), Buffer.alloc(e.size), padding(e.size)]),
    endOfArchive,
  ]);

test('every type of entry is read by another implementation as it was meant', () => {
  const entries = [
    entry({ path: byteString('dir'), type: 'directory', mode: 0o1777, mtime: 5 }),
    entry({ path: byteString('dir/f'), size: 700, uid: 33, gid: 44, mode: 0o4755, mtime: 1_700_000_000 }),
    entry({ path: byteString('dir/h'), type: 'link', linkTarget: byteString('dir/f') }),
    entry({ path: byteString('dir/s'), type: 'symlink', linkTarget: byteString('/usr/ä'), mode: 0o777 }),
    entry({ path: byteString('dir/c'), type: 'character', deviceMajor: 1, deviceMinor: 3 }),
    entry({ path: byteString('dir/b'), type: 'block', deviceMajor: 259, deviceMinor: 1_000 }),
    entry({ path: byteString('dir/p'), type: 'fifo' }),
  ];
  expect(readBack(archiveOf(entries)).map(({ name, type, link }) => [name, type, link])).toEqual([
    ['dir', '5', ''],
    ['dir/f', '0', ''],
    ['dir/h', '1', 'dir/f'],
    ['dir/s', '2', '/usr/ä'],
    ['dir/c', '3', ''],
    ['dir/b', '4', ''],
    ['dir/p', '6', ''],
  ]);
});

test('names, ids and times of any size survive', () => {
  const name = fc.stringMatching(/^[a-z ä+日]{1,300}$/).map(byteString);
  const anyEntry = fc.record({
    path: name,
    uid: fc.nat({ max: 2 ** 31 }),
    gid: fc.nat({ max: 2 ** 31 }),
    mtime: fc.integer({ min: -(2 ** 31), max: 2 ** 35 }),
    mode: fc.nat({ max: 0o7777 }),
    size: fc.nat({ max: 2000 }),
  });
  fc.assert(
    fc.property(fc.array(anyEntry, { minLength: 1, maxLength: 5 }), (parts) => {
      const read = readBack(archiveOf(parts.map(entry)));
      expect(read).toMatchObject(
        parts.map(({ path, ...rest }) => ({ ...rest, name: Buffer.from(path, 'latin1').toString('utf8') })),
      );
    }),
    { numRuns: 25 },
  );
});

test('names that are no UTF-8 keep their bytes', () => {
  const path = 'caf\u00e9' as ByteString;
  expect(tarHeader(entry({ path })).includes(Buffer.from([0x63, 0x61, 0x66, 0xe9]))).toBe(true);
});

test('xattrs stand raw in a pax record that counts its own length', () => {
  const value = Buffer.from([1, 0, 0, 2, 10, 61]);
  const header = tarHeader(entry({ xattrs: { 'security.capability': value } }));
  const record = Buffer.concat([Buffer.from(' SCHILY.xattr.security.capability='), value, Buffer.from('\n')]);
  const at = header.indexOf(record);
  const digits = header.toString('latin1', at - 2, at);
  expect(Number(digits)).toBe(record.length + 2);
});

test("an attribute's name keeps its bytes", () => {
  const name = Buffer.from('user.ключ', 'utf8').toString('latin1');
  const header = tarHeader(entry({ xattrs: { [name]: Buffer.from('1') } }));
  expect(header.includes(Buffer.from(' SCHILY.xattr.user.ключ=1\n', 'utf8'))).toBe(true);
});
