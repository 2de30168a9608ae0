/**
 * Writes tar headers of POSIX.1-2001 (pax): ustar if a value fits, otherwise a pax extended header. They contain
 * nothing of the writer, the host or the time. Xattrs are written as SCHILY.xattr.NAME, raw.
 */
import { bytesOf, type ByteString } from '../../../src/lib/host/paths.ts';
import type { TarEntry, TarType } from '../../../src/stages/layer/tar/tar-entry.ts';

const blockSize = 512;
/** A tar stream ends with two zero blocks. */
export const endOfArchive = Buffer.alloc(2 * blockSize);

const typeFlags: Record<TarType, string> = {
  file: '0',
  link: '1',
  symlink: '2',
  character: '3',
  block: '4',
  directory: '5',
  fifo: '6',
};

/** An entry with its content: `size` bytes, for files. */
export interface TarMember {
  entry: TarEntry;
  content?: AsyncIterable<Buffer> | Iterable<Buffer>;
}

/** The bytes of the stream, without the end of the archive. */
export async function* tarBytes(
  members: AsyncIterable<TarMember> | Iterable<TarMember>,
): AsyncGenerator<Buffer> {
  for await (const { entry, content } of members) {
    yield tarHeader(entry);
    if (!content) continue;
    yield* content;
    yield padding(entry.size);
  }
}

/** Header blocks of one entry; its content and padding() follow. */
export function tarHeader(entry: TarEntry): Buffer {
  const path = bytesOf((entry.type === 'directory' ? `${entry.path}/` : entry.path) as ByteString);
  const target = bytesOf(entry.linkTarget ?? ('' as ByteString));
  const records = paxRecords(entry, path, target);
  const main = ustarBlock(entry, path, target, typeFlags[entry.type], entry.size);
  if (records.length === 0) return main;
  const body = Buffer.concat(records);
  const name = Buffer.from('././@PaxHeader', 'latin1');
  const plain = { ...entry, mode: 0o644, uid: 0, gid: 0, mtime: 0, deviceMajor: 0, deviceMinor: 0 };
  return Buffer.concat([
    ustarBlock(plain, name, Buffer.alloc(0), 'x', body.length),
    body,
    padding(body.length),
    main,
  ]);
}

/** Zero bytes up to the next block. */
export function padding(size: number): Buffer {
  return Buffer.alloc((blockSize - (size % blockSize)) % blockSize);
}

const maxOctal = (digits: number) => 8 ** digits - 1;

function paxRecords(entry: TarEntry, path: Buffer, target: Buffer): Buffer[] {
  const records: [string, Buffer][] = [];
  const text = (value: number) => Buffer.from(String(value), 'latin1');
  if (path.length > 100 || !isAscii(path)) records.push(['path', path]);
  if (target.length > 100 || !isAscii(target)) records.push(['linkpath', target]);
  if (entry.size > maxOctal(11)) records.push(['size', text(entry.size)]);
  if (entry.uid > maxOctal(7)) records.push(['uid', text(entry.uid)]);
  if (entry.gid > maxOctal(7)) records.push(['gid', text(entry.gid)]);
  if (entry.mtime < 0 || entry.mtime > maxOctal(11)) records.push(['mtime', text(entry.mtime)]);
  for (const [name, value] of Object.entries(entry.xattrs ?? {}))
    records.push([`SCHILY.xattr.${name}`, value]);
  return records.toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([key, value]) => paxRecord(key, value));
}

function isAscii(bytes: Buffer): boolean {
  return bytes.every((byte) => byte < 0x80);
}

/** "LENGTH KEY=VALUE\n", where LENGTH counts itself. */
function paxRecord(key: string, value: Buffer): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`, 'latin1'), value, Buffer.from('\n')]);
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

function ustarBlock(entry: TarEntry, path: Buffer, target: Buffer, flag: string, size: number): Buffer {
  const block = Buffer.alloc(blockSize);
  path.copy(block, 0, 0, 100);
  octal(block, 100, 8, entry.mode & 0o7777);
  octal(block, 108, 8, clamp(entry.uid, 7));
  octal(block, 116, 8, clamp(entry.gid, 7));
  octal(block, 124, 12, clamp(size, 11));
  octal(block, 136, 12, clamp(entry.mtime, 11));
  block.write('        ', 148, 'latin1');
  block.write(flag, 156, 'latin1');
  target.copy(block, 157, 0, 100);
  block.write('ustar\u000000', 257, 'latin1');
  octal(block, 329, 8, entry.deviceMajor ?? 0);
  octal(block, 337, 8, entry.deviceMinor ?? 0);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

/** A value that does not fit is in the pax record, and the field is 0. */
function clamp(value: number, digits: number): number {
  return value < 0 || value > maxOctal(digits) ? 0 : value;
}

function octal(block: Buffer, offset: number, length: number, value: number): void {
  block.write(`${value.toString(8).padStart(length - 1, '0')}\0`, offset, 'latin1');
}
