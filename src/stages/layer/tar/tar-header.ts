/**
 * Parses headers of a tar stream: ustar, pax extended headers (POSIX.1-2001), GNU's long names and base-256 numbers.
 */
import { MillinerError } from '../../../lib/errors/error.ts';
import type { ByteString } from '../../../lib/host/paths.ts';
import type { TarEntry, TarType } from './tar-entry.ts';

export const blockSize = 512;
/** Bytes of names and attributes: far more than any file system supports. */
export const maxExtensionBytes = 4 * 1024 * 1024;
/** For one entry; the kernel's limit is 64 KiB of names. */
const maxXattrs = 4096;

const types: Record<string, TarType> = {
  '0': 'file',
  '\0': 'file',
  '7': 'file',
  '1': 'link',
  '2': 'symlink',
  '3': 'character',
  '4': 'block',
  '5': 'directory',
  '6': 'fifo',
};

/** Values of an extended header, which replace the fields of the block. */
export type Extended = Partial<
  Pick<TarEntry, 'path' | 'linkTarget' | 'size' | 'uid' | 'gid' | 'mtime' | 'xattrs'>
>;

export function entryOf(block: Buffer, flag: string, extended: Extended): TarEntry {
  const type = types[flag];
  if (type === undefined) throw invalid(`it has an entry of type ${JSON.stringify(flag)}`);
  const prefix = text(block, 345, 155);
  const isUstar = block.toString('latin1', 257, 263) === 'ustar\0';
  const name = text(block, 0, 100);
  const path = extended.path ?? ((isUstar && prefix !== '' ? `${prefix}/${name}` : name) as ByteString);
  const size = extended.size ?? number(block, 124, 12);
  return {
    path: withoutNul(path),
    type,
    mode: number(block, 100, 8) & 0o7777,
    uid: extended.uid ?? number(block, 108, 8),
    gid: extended.gid ?? number(block, 116, 8),
    // A link may repeat the size of its target, but has no content.
    size: type === 'file' ? size : 0,
    mtime: extended.mtime ?? number(block, 136, 12),
    linkTarget: withoutNul(extended.linkTarget ?? text(block, 157, 100)),
    deviceMajor: type === 'character' || type === 'block' ? number(block, 329, 8) : 0,
    deviceMinor: type === 'character' || type === 'block' ? number(block, 337, 8) : 0,
    xattrs: extended.xattrs,
  };
}

/** Extended headers may contain any byte, but the kernel ends a name at NUL. */
function withoutNul(name: ByteString): ByteString {
  if (name.includes('\0')) throw invalid(`the name ${JSON.stringify(name.slice(0, 100))} has a NUL in it`);
  return name;
}

const xattrKey = 'SCHILY.xattr.';

/** Whether an entry of this type only describes the next one. */
export const isExtension = (flag: string): flag is 'x' | 'L' | 'K' =>
  flag === 'x' || flag === 'L' || flag === 'K';

export function readExtension(flag: 'x' | 'L' | 'K', body: Buffer): Extended {
  return flag === 'x' ? readPax(body) : readLong(flag, body);
}

/** Throws LAYER_INVALID for a wrong checksum. */
export function checkHeader(block: Buffer): void {
  const sum = block.reduce((total, byte, at) => total + (at >= 148 && at < 156 ? 0x20 : byte), 0);
  if (sum !== number(block, 148, 8)) throw invalid('the checksum of a header is wrong');
}

/** Records of "LENGTH KEY=VALUE\n", where LENGTH counts itself. */
function readPax(body: Buffer): Extended {
  const extended: Extended = {};
  let xattrs = 0;
  for (let at = 0; at < body.length;) {
    const space = body.indexOf(0x20, at);
    const length = Number(body.toString('latin1', at, space < 0 ? at : space));
    const end = at + length;
    const equals = body.indexOf(0x3d, space);
    const sound = Number.isSafeInteger(length) && end <= body.length && equals > space && equals < end;
    if (space < 0 || !sound || body[end - 1] !== 0x0a) throw invalid('an extended header is malformed');
    const key = body.toString('latin1', space + 1, equals);
    if (key.startsWith(xattrKey) && ++xattrs > maxXattrs) throw invalid('an entry has too many attributes');
    apply(extended, key, body.subarray(equals + 1, end - 1));
    at = end;
  }
  return extended;
}

function apply(extended: Extended, key: string, value: Buffer): void {
  if (key === 'path') extended.path = value.toString('latin1') as ByteString;
  else if (key === 'linkpath') extended.linkTarget = value.toString('latin1') as ByteString;
  else if (key === 'size' || key === 'uid' || key === 'gid') extended[key] = decimal(value);
  else if (key === 'mtime') extended.mtime = Math.floor(Number(value.toString('latin1')));
  else if (key.startsWith(xattrKey)) {
    // Without a prototype, because an attribute may have any name.
    extended.xattrs ??= Object.create(null) as Record<string, Buffer>;
    extended.xattrs[key.slice(xattrKey.length)] = Buffer.from(value);
  } else if (key.startsWith('GNU.sparse.')) throw invalid('it has a sparse file');
}

function readLong(flag: 'L' | 'K', body: Buffer): Extended {
  const value = text(body, 0, body.length);
  return flag === 'L' ? { path: value } : { linkTarget: value };
}

function decimal(value: Buffer): number {
  const digits = value.toString('latin1');
  if (/^\d{1,16}$/.test(digits) && Number.isSafeInteger(Number(digits))) return Number(digits);
  throw invalid(`${JSON.stringify(digits)} is not a number`);
}

function text(block: Buffer, offset: number, length: number): ByteString {
  const field = block.toString('latin1', offset, offset + length);
  const end = field.indexOf('\0');
  return (end < 0 ? field : field.slice(0, end)) as ByteString;
}

/** Octal digits, or GNU's base 256 if the first bit is set. */
export function number(block: Buffer, offset: number, length: number): number {
  const field = block.subarray(offset, offset + length);
  if ((field[0]! & 0x80) !== 0) {
    const value = field.subarray(1).reduce((sum, byte) => sum * 256 + byte, field[0]! & 0x3f);
    if (Number.isSafeInteger(value)) return value;
    throw invalid('a number is too large');
  }
  const digits = field
    .toString('latin1')
    .replace(/^ +/, '')
    .replace(/[\0 ].*$/s, '');
  if (/^[0-7]*$/.test(digits)) return Number.parseInt(digits || '0', 8);
  throw invalid(`${JSON.stringify(digits)} is not an octal number`);
}

export function invalid(reason: string): MillinerError {
  return new MillinerError('LAYER_INVALID', `a layer is not a tar stream that can be unpacked: ${reason}`);
}
