/** A zstd:chunked layer as a client takes it that fetches pieces: by its annotations and table of contents alone. */
import { createHash } from 'node:crypto';
import { zstdDecompressSync } from 'node:zlib';
import type { Member } from './tarreader.ts';

interface TocEntry {
  type: string;
  name: string;
  linkName?: string;
  mode?: number;
  size?: number;
  uid?: number;
  gid?: number;
  modtime?: string;
  xattrs?: Record<string, string>;
  digest?: string;
  offset?: number;
  endOffset?: number;
  chunkSize?: number;
  chunkOffset?: number;
  chunkDigest?: string;
  chunkType?: string;
}

type Split = { type: number; name?: string; size?: number; payload: string | null; position: number };

const prefix = 'io.github.containers.zstd-chunked.';
const types: Record<string, string> = { reg: '0', hardlink: '1', symlink: '2', dir: '5' };
const sha256 = (bytes: Buffer) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

/** Throws where such a client would see something else than the tar stream has. */
export function pieces(
  blob: Buffer,
  annotations: Record<string, string>,
  tar: Buffer,
  members: Member[],
): void {
  const part = (name: string) => {
    const [at, length, size] = annotations[`${prefix}${name}`]!.split(':').map(Number) as [
      number,
      number,
      number,
    ];
    const packed = blob.subarray(at, at + length);
    const bytes = zstdDecompressSync(packed);
    same(bytes.length, size, name);
    return { packed, text: bytes.toString() };
  };
  const manifest = part('manifest-position');
  same(sha256(manifest.packed), annotations[`${prefix}manifest-checksum`], 'manifest-checksum');
  const toc = JSON.parse(manifest.text) as { version: number; entries: TocEntry[]; tarSplitDigest: string };
  same(toc.version, 1, 'version');
  const split = part('tarsplit-position');
  same(sha256(split.packed), toc.tarSplitDigest, 'tarSplitDigest');
  footer(blob, annotations);
  const files = toc.entries.filter(({ type }) => type !== 'chunk');
  same(files.length, members.length, 'entries');
  const contents = new Map<string, Buffer>();
  for (const [index, entry] of files.entries()) {
    const member = members[index]!;
    const chunks = toc.entries.filter(({ type, name }) => type === 'chunk' && name === entry.name);
    const content = contentOf(blob, entry, chunks);
    contents.set(entry.name, content);
    same(attributes(entry), attributesOf(member), entry.name);
    if (!content.equals(entry.type === 'reg' ? member.content : Buffer.alloc(0))) throw new Error(entry.name);
  }
  const lines = split.text.trim().split('\n');
  const rebuilt = lines.map((line, position) => {
    const one = JSON.parse(line) as Split;
    same(one.position, position, 'position');
    if (one.type === 2) return Buffer.from(one.payload!, 'base64');
    const content = contents.get(one.name!) ?? Buffer.alloc(0);
    if (content.length > 0 && content.length <= mostSummed) same(one.payload, crc64(content), one.name!);
    return content;
  });
  if (!Buffer.concat(rebuilt).equals(tar)) throw new Error('tar-split gives another tar stream');
}

/** A client without annotations begins here: at the end are the same numbers, and a magic. */
function footer(blob: Buffer, annotations: Record<string, string>): void {
  const end = blob.subarray(-64);
  const numbers = Array.from({ length: 7 }, (_, at) => Number(end.readBigUInt64LE(at * 8)));
  const positions = ['manifest-position', 'tarsplit-position'].map((name) => annotations[`${prefix}${name}`]);
  same(numbers.join(':'), positions.join(':'), 'footer');
  same(numbers[3], 1, 'format of the table of contents');
  same(end.toString('latin1', 56), 'GNUlInUx', 'magic of the footer');
}

/** Of BigInts, bit by bit, which takes long: files of some length are passed over. */
const mostSummed = 600;

/** ECMA-182's way with ISO 3309's polynomial, as Go's hash/crc64 has it. */
function crc64(bytes: Buffer): string {
  const ones = 0xffffffffffffffffn;
  let sum = ones;
  for (const byte of bytes) {
    sum ^= BigInt(byte);
    for (let bit = 0; bit < 8; bit++) sum = (sum & 1n) === 1n ? (sum >> 1n) ^ 0xd800000000000000n : sum >> 1n;
  }
  return Buffer.from((sum ^ ones).toString(16).padStart(16, '0'), 'hex').toString('base64');
}

function contentOf(blob: Buffer, entry: TocEntry, others: TocEntry[]): Buffer {
  if (!entry.size) return Buffer.alloc(0);
  const chunks = [entry, ...others];
  const found = chunks.map((chunk, index) => {
    const end = chunks[index + 1]?.offset ?? entry.endOffset;
    const bytes = zstdDecompressSync(blob.subarray(chunk.offset, end));
    if (others.length > 0) {
      same(bytes.length, chunk.chunkSize, `${entry.name} chunkSize`);
      same(sha256(bytes), chunk.chunkDigest, `${entry.name} chunkDigest`);
      if (chunk.chunkType === 'zeros' && bytes.some((byte) => byte !== 0)) throw new Error('zeros');
    }
    return bytes;
  });
  for (const [index, chunk] of chunks.entries())
    same(
      chunk.chunkOffset ?? 0,
      found.slice(0, index).reduce((sum, { length }) => sum + length, 0),
      entry.name,
    );
  const content = Buffer.concat(found);
  same(sha256(content), entry.digest, `${entry.name} digest`);
  return content;
}

function attributes({ type, name, linkName, mode, uid, gid, modtime, xattrs }: TocEntry): string {
  const values = Object.entries(xattrs ?? {}).map(([key, value]) => [
    key,
    Buffer.from(value, 'base64').toString('hex'),
  ]);
  const time = Date.parse(modtime ?? '') / 1000;
  return JSON.stringify([
    types[type],
    name,
    linkName ?? '',
    mode ?? 0,
    uid ?? 0,
    gid ?? 0,
    time,
    Object.fromEntries(values.toSorted(([a = ''], [b = '']) => (a < b ? -1 : 1))),
  ]);
}

function attributesOf({ type, name, target, mode, uid, gid, mtime, xattrs }: Member): string {
  const utf8 = (text: string) => Buffer.from(text, 'latin1').toString();
  const values = Object.entries(xattrs).map(([key, value]) => [
    key.replace('SCHILY.xattr.', ''),
    Buffer.from(value, 'latin1').toString('hex'),
  ]);
  return JSON.stringify([
    type,
    utf8(name),
    utf8(target),
    mode,
    uid,
    gid,
    mtime,
    Object.fromEntries(values.toSorted(([a = ''], [b = '']) => (a < b ? -1 : 1))),
  ]);
}

function same(one: unknown, other: unknown, what: string): void {
  if (one !== other) throw new Error(`${what}: ${String(one)} and ${String(other)}`);
}
