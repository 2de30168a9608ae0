/**
 * Checks that a zstd:chunked blob gives its tar stream to a client that uses only the annotations, the table of
 * contents and tar-split. It shares no code with the writer.
 */
import { createHash, hash, type Hash } from 'node:crypto';
import { zstdDecompressSync } from 'node:zlib';
import { MillinerError } from '../../../../lib/errors/error.ts';
import { showBytes } from '../../../../lib/host/paths.ts';
import type { ListedEntry } from '../../tar/listing.ts';
import { Crc64 } from './crc64.ts';
import type { SplitEntry, TocEntry } from './trailer.ts';

export interface ChunkedBlob {
  read: (at: number, length: number) => Promise<Buffer>;
  annotations: Record<string, string>;
  /** Entries of the tar stream. */
  listing: readonly ListedEntry[];
  diffID: string;
}

const prefix = 'io.github.containers.zstd-chunked.';
const types: Partial<Record<ListedEntry['type'], string>> = {
  file: 'reg',
  link: 'hardlink',
  symlink: 'symlink',
  directory: 'dir',
};

/** Throws LAYERS_DIFFER. */
export async function checkChunked({ read, annotations, listing, diffID }: ChunkedBlob): Promise<void> {
  const part = (name: string) => partOf(read, annotations[`${prefix}${name}`]);
  const [manifest, split] = [await part('manifest-position'), await part('tarsplit-position')];
  const toc = JSON.parse(manifest.text) as { version: number; entries: TocEntry[]; tarSplitDigest: string };
  same('version', toc.version, 1);
  same('manifest-checksum', manifest.digest, annotations[`${prefix}manifest-checksum`]);
  same('tarSplitDigest', toc.tarSplitDigest, split.digest);
  const files = withChunks(toc.entries);
  same('number of entries', files.length, listing.length);
  checkSum();
  await checkFooter(read, annotations);
  const tar = createHash('sha256');
  let next = 0;
  for (const [position, line] of split.text.trimEnd().split('\n').entries()) {
    const piece = JSON.parse(line) as SplitEntry & { position: number };
    same('position', piece.position, position);
    if (piece.type === 2) tar.update(Buffer.from(piece.payload ?? '', 'base64'));
    else await checkFile(read, tar, piece, files[next], listing[next++]);
  }
  same('number of files', next, files.length);
  same('tar stream', `sha256:${tar.digest('hex')}`, diffID);
}

type Read = ChunkedBlob['read'];

async function partOf(read: Read, position = ''): Promise<{ digest: string; text: string }> {
  const [at = NaN, length = NaN, size] = position.split(':').map(Number);
  const packed = await read(at, length);
  const text = zstdDecompressSync(packed);
  same('size of a part', text.length, size);
  return { digest: `sha256:${hash('sha256', packed)}`, text: text.toString() };
}

const footerNumbers = 7;
const footerMagic = 'GNUlInUx';
const crfs = 1;

/** Clients without the annotations begin at the last frame, which repeats them. */
async function checkFooter(read: Read, annotations: Record<string, string>): Promise<void> {
  const positions = ['manifest-position', 'tarsplit-position'].map((name) => annotations[`${prefix}${name}`]);
  const expected = positions.join(':').split(':').map(Number);
  const [, , , type, splitAt = NaN, splitLength = NaN] = expected;
  same('format of the table of contents', type, crfs);
  const end = footerNumbers * 8 + footerMagic.length;
  const footer = await read(splitAt + splitLength + frameHeader, end + 1);
  same('length of the footer', footer.length, end);
  const numbers = expected.map((_, index) => Number(footer.readBigUInt64LE(index * 8)));
  same('footer', numbers.join(), expected.join());
  same('end of the footer', footer.toString('latin1', footerNumbers * 8), footerMagic);
}

const frameHeader = 8;

/** Readers that take the blob for a zstd stream find nothing in it (RFC 8878, 3.1.2). Throws LAYERS_DIFFER. */
export function checkTrailer(bytes: Buffer): void {
  let at = 0;
  while (at + frameHeader <= bytes.length) {
    same('magic of a skippable frame', bytes.readUInt32LE(at) >>> 4, 0x184d2a5);
    at += frameHeader + bytes.readUInt32LE(at + 4);
  }
  same('end of the last frame', at, bytes.length);
}

interface Described {
  entry: TocEntry;
  /** Further chunks; the entry itself describes the first. */
  others: TocEntry[];
}

function withChunks(entries: readonly TocEntry[]): Described[] {
  const files: Described[] = [];
  for (const entry of entries) {
    if (entry.type === 'chunk') files.at(-1)?.others.push(entry);
    else files.push({ entry, others: [] });
  }
  return files;
}

async function checkFile(
  read: Read,
  tar: Hash,
  split: SplitEntry,
  described: Described | undefined,
  listed: ListedEntry | undefined,
): Promise<void> {
  if (!described || !listed) throw differs('tar-split names more files than there are');
  const { entry, others } = described;
  const name = showBytes(listed.path);
  same('name', split.name, entry.name);
  for (const [field, value] of Object.entries(fieldsOf(listed)))
    same(`${name}: ${field}`, entry[field] ?? '', value);
  same(`${name}: xattrs`, xattrsOf(entry['xattrs']), xattrsOf(listed.xattrs));
  if (!(listed.type === 'file' && listed.size > 0)) {
    same(`${name}: size`, [split.size ?? 0, Number(entry['size'] ?? 0), others.length].join(), '0,0,0');
    return;
  }
  same(`${name}: size`, [split.size, entry['size']].join(), [listed.size, listed.size].join());
  same(`${name}: digest`, entry['digest'], `sha256:${listed.sha256}`);
  const crc = listed.size <= maxSummedZeros ? new Crc64() : undefined;
  let done = 0;
  for (const [index, chunk] of [entry, ...others].entries()) {
    const end = others[index]?.offset ?? entry.endOffset ?? NaN;
    const bytes = zstdDecompressSync(await read(chunk.offset ?? NaN, end - (chunk.offset ?? NaN)));
    if (others.length > 0) checkChunk(name, chunk, bytes, done);
    tar.update(bytes);
    crc?.update(bytes);
    done += bytes.length;
  }
  same(`${name}: length`, done, listed.size);
  if (crc) same(`${name}: sum`, split.payload, crc.digest().toString('base64'));
}

/** The sum is slow in JavaScript. A wrong sum of a long run of zeros also shows with a short one. */
const maxSummedZeros = 16 * 1024;

function checkChunk(name: string, chunk: TocEntry, bytes: Buffer, at: number): void {
  same(`${name}: name of a chunk`, chunk.name, name);
  same(`${name}: chunkSize`, chunk['chunkSize'], bytes.length);
  same(`${name}: chunkOffset`, chunk['chunkOffset'] ?? 0, at);
  same(`${name}: chunkDigest`, chunk['chunkDigest'], `sha256:${hash('sha256', bytes)}`);
  const isHole = chunk['chunkType'] === 'zeros';
  if (isHole && bytes.some((byte) => byte !== 0)) throw differs(`${name}: a hole is none`);
}

/** Empty fields and zeros are omitted there. */
function fieldsOf({ type, path, linkTarget, mode, uid, gid, mtime }: ListedEntry): Record<string, unknown> {
  return {
    type: types[type],
    name: showBytes(path),
    linkName: linkTarget === undefined ? '' : showBytes(linkTarget),
    mode: mode || '',
    uid: uid || '',
    gid: gid || '',
    modtime: new Date(mtime * 1000).toISOString().replace('.000Z', 'Z'),
  };
}

function xattrsOf(xattrs: unknown): string {
  const values = Object.entries((xattrs ?? {}) as Record<string, string | Buffer>);
  return values
    .map(([name, value]) => `${name}=${typeof value === 'string' ? value : value.toString('base64')}`)
    .toSorted()
    .join('\n');
}

/**
 * All byte values, with the sum of Go's hash/crc64: only a client that assembles the stream would notice a wrong one.
 */
const knownBytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
const knownSum = '89f7eaa7b75c07dd';

function checkSum(): void {
  const crc = new Crc64();
  crc.update(knownBytes);
  same('sum of known bytes', crc.digest().toString('hex'), knownSum);
}

function same(what: string, found: unknown, expected: unknown): void {
  if (found !== expected) throw differs(`${what} is ${String(found)}, and ${String(expected)} was written`);
}

function differs(what: string): MillinerError {
  return new MillinerError(
    'LAYERS_DIFFER',
    `the table of contents of a zstd:chunked layer is wrong: ${what}`,
  );
}
