/**
 * Takes a real package apart and puts it together again, every digest of it right: what a test has changed in between
 * is all that is wrong with it, and gets as far as that can.
 */
import { createHash } from 'node:crypto';
import { gunzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { dataTypes, headerTags, signatureTags, type HeaderTag } from '../../../src/lib/rpm/tags.ts';
import { headerBlob, headerMagic, packageFile, type HeaderEntry } from './synthesize.ts';

export interface Parts {
  header: HeaderEntry[];
  archive: Member[];
}

/** One entry of a newc archive, with the header's numbers as they stand there (cpio(5)). */
export interface Member {
  magic: string;
  /** Inode, mode, uid, gid, links, mtime, size, device (2), rdev (2), size of the name, checksum. */
  fields: number[];
  name: Buffer;
  content: Buffer;
}
export const memberField = { inode: 0, mode: 1, links: 4, size: 6 } as const;

export type Value = HeaderEntry['values'][number];

const lead = 96;
const regionTag = headerTags.HEADERIMMUTABLE.tag;

/** Of a package whose payload is compressed with zstd or gzip. */
export function takeApart(rpm: Buffer): Parts {
  const signature = blobAt(rpm, lead);
  const header = blobAt(rpm, signature.end + (-signature.end & 7));
  const payload = rpm.subarray(header.end);
  const isGzip = payload.readUInt16BE(0) === 0x1f8b;
  const archive = isGzip ? gunzipSync(payload) : zstdDecompressSync(payload);
  return {
    header: header.entries.filter(({ tag }) => tag !== regionTag),
    archive: [...members(archive)],
  };
}

function blobAt(rpm: Buffer, start: number): { entries: HeaderEntry[]; end: number } {
  const count = rpm.readUInt32BE(start + 8);
  const store = start + 16 + count * 16;
  const entries = Array.from({ length: count }, (_, index) => {
    const [tag, type, offset, length] = [0, 4, 8, 12].map((at) =>
      rpm.readUInt32BE(start + 16 + index * 16 + at),
    );
    return readEntry(rpm, tag!, dataTypes[type! - 1]!, store + offset!, length!);
  });
  return { entries, end: store + rpm.readUInt32BE(start + 12) };
}

function readEntry(
  rpm: Buffer,
  tag: number,
  type: HeaderEntry['type'],
  at: number,
  count: number,
): HeaderEntry {
  const widths: Partial<Record<HeaderEntry['type'], number>> = { char: 1, int8: 1, int16: 2, int32: 4 };
  const width = widths[type];
  if (type === 'binary') return { tag, type, values: [rpm.subarray(at, at + count)] };
  if (type === 'int64') return { tag, type, values: range(count, (i) => rpm.readBigUInt64BE(at + i * 8)) };
  if (width !== undefined)
    return { tag, type, values: range(count, (i) => rpm.readUIntBE(at + i * width, width)) };
  let next = at;
  const values = range(count, () => {
    const end = rpm.indexOf(0, next);
    const value = rpm.subarray(next, end);
    next = end + 1;
    return value;
  });
  return { tag, type, values };
}

const range = <T>(count: number, of: (index: number) => T) => Array.from({ length: count }, (_, i) => of(i));

function* members(archive: Buffer): Generator<Member> {
  for (let at = 0; ;) {
    const fields = range(13, (i) =>
      Number.parseInt(archive.toString('latin1', at + 6 + i * 8, at + 14 + i * 8), 16),
    );
    const name = archive.subarray(at + 110, at + 110 + fields[11]! - 1);
    if (name.toString('latin1') === 'TRAILER!!!') return;
    const start = aligned(at + 110 + fields[11]!);
    const content = archive.subarray(start, start + fields[memberField.size]!);
    yield { magic: archive.toString('latin1', at, at + 6), fields, name, content };
    at = aligned(start + content.length);
  }
}

const aligned = (at: number) => (at + 3) & ~3;
const hex = (value: number) => (value >>> 0).toString(16).padStart(8, '0');

/** What is written of an archive: its members as they say, and how it ends. */
export function archiveBytes(archive: readonly Member[], end: 'trailer' | 'none' = 'trailer'): Buffer {
  const pieces: Buffer[] = [];
  let length = 0;
  const add = (piece: Buffer) => {
    const padded = Buffer.concat([
      piece,
      Buffer.alloc(aligned(length + piece.length) - length - piece.length),
    ]);
    pieces.push(padded);
    length += padded.length;
  };
  const last = {
    magic: '070701',
    fields: range(13, (i) => (i === 4 ? 1 : i === 11 ? 11 : 0)),
    name: Buffer.from('TRAILER!!!'),
    content: Buffer.alloc(0),
  };
  for (const { magic, fields, name, content } of end === 'trailer' ? [...archive, last] : archive) {
    if (magic === '07070X') add(Buffer.from(`${magic}${hex(fields[0]!)}`));
    else add(Buffer.concat([Buffer.from(`${magic}${fields.map(hex).join('')}`), name, Buffer.alloc(1)]));
    add(content);
  }
  return Buffer.concat(pieces);
}

export interface Written {
  header: readonly HeaderEntry[];
  /** Plain bytes of the archive. */
  archive: Buffer;
  /** What is done to the compressed bytes; the digests are of what comes out. */
  squeezed?: (payload: Buffer) => Buffer;
}

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

/** The payload is compressed with zstd, whatever it was before. */
export function putTogether({ header, archive, squeezed = (same) => same }: Written): Buffer {
  const payload = squeezed(zstdCompressSync(archive));
  const entries = header.map((entry) => ({ ...entry }));
  const set = (tag: number, value: string) => {
    const entry = entries.find((one) => one.tag === tag);
    if (entry) entry.values = [value];
  };
  set(headerTags.PAYLOADDIGEST.tag, sha256(payload));
  set(payloadDigestAlt, sha256(archive));
  set(headerTags.PAYLOADCOMPRESSOR.tag, 'zstd');
  const blob = headerBlob(regionTag, entries);
  const whole = Buffer.concat([headerMagic, blob]);
  const md5 = createHash('md5').update(whole).update(payload).digest();
  const sizes = { ...signatureTags.SIZE, values: [whole.length + payload.length] };
  return packageFile({
    header: blob,
    payload,
    signature: [
      { ...signatureTags.SHA1, values: [createHash('sha1').update(whole).digest('hex')] },
      { ...signatureTags.SHA256, values: [sha256(whole)] },
      { ...signatureTags.MD5, values: [md5] },
      sizes,
      { tag: payloadSize, type: 'int32', values: [archive.length] },
    ],
  });
}

/** Of the archive before it was compressed. */
const payloadDigestAlt = 5097;
/** In the signature header. */
const payloadSize = 1007;

/** A header with other values for one tag; a tag that is not there is added. */
export function withValues(
  header: readonly HeaderEntry[],
  name: HeaderTag,
  edit: (values: Value[]) => Value[],
): HeaderEntry[] {
  const { tag, type } = headerTags[name];
  const there = header.find((entry) => entry.tag === tag) ?? { tag, type, values: [] };
  const rest = header.filter((entry) => entry.tag !== tag);
  const values = edit([...there.values]);
  return values.length === 0 ? rest : [...rest, { ...there, values }];
}
