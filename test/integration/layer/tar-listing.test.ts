import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { byteString } from '../../../src/lib/host/paths.ts';
import { ListedTar, type ListedEntry } from '../../../src/stages/layer/tar/listing.ts';
import type { TarEntry, TarType } from '../../../src/stages/layer/tar/tar-entry.ts';
import { endOfArchive, padding, tarHeader } from '../../helpers/layer-writer/tar-writer.ts';

test('tar -tv lists the same', () => {
  const content = Buffer.alloc(700, 'x');
  const common = { uid: 7, gid: 2_500_000, mtime: 1_700_000_000, size: 0 };
  const entries = [
    { type: 'directory' as const, path: 'dir', mode: 0o1777 },
    { type: 'file' as const, path: `dir/${'long'.repeat(40)}`, mode: 0o4755, size: content.length },
    { type: 'symlink' as const, path: 'dir/link', mode: 0o777, linkTarget: 'anywhere' },
    { type: 'character' as const, path: 'dir/null', mode: 0o666, deviceMajor: 1, deviceMinor: 3 },
    { type: 'fifo' as const, path: 'dir/fifo', mode: 0o600 },
  ].map((one) => ({ ...common, ...one, path: byteString(one.path) }) as TarEntry);
  const archive = Buffer.concat([
    ...entries.flatMap((one) => [tarHeader(one), content.subarray(0, one.size), padding(one.size)]),
    endOfArchive,
  ]);
  const tar = new ListedTar();
  for (const piece of [archive.subarray(0, 600), archive.subarray(600)]) tar.update(piece);
  const options = ['--numeric-owner', '--full-time', '--utc', '-tvf', '-'];
  const lines = execFileSync('tar', options, { input: archive }).toString().trim().split('\n');
  expect(tar.entries.map(shown)).toEqual(lines.map((line) => line.split(/ +/)));
});

const letters: Record<TarType, string> = {
  file: '-',
  link: 'h',
  symlink: 'l',
  character: 'c',
  block: 'b',
  directory: 'd',
  fifo: 'p',
};

function shown(entry: ListedEntry): string[] {
  const { type, mode, uid, gid, size, mtime, path, linkTarget, deviceMajor, deviceMinor } = entry;
  const bits = 'rwxrwxrwx'.split('').map((bit, at) => ((mode & (0o400 >> at)) === 0 ? '-' : bit));
  if ((mode & 0o4000) !== 0) bits[2] = bits[2] === 'x' ? 's' : 'S';
  if ((mode & 0o1000) !== 0) bits[8] = bits[8] === 'x' ? 't' : 'T';
  const [day, time] = new Date(mtime * 1000).toISOString().replace('.000Z', '').split('T') as [
    string,
    string,
  ];
  return [
    letters[type] + bits.join(''),
    `${uid}/${gid}`,
    type === 'character' ? `${deviceMajor},${deviceMinor}` : String(size),
    day,
    time,
    path,
    ...(type === 'symlink' ? ['->', linkTarget!] : []),
  ];
}
