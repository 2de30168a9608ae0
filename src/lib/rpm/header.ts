/**
 * The header structure of packages and of the rpm database: u32 entry count, u32 data length, 16-byte index entries
 * (tag, type, offset, count), data; all big-endian. The limits are those of rpm's lib/header.c, so Milliner accepts and
 * refuses the same headers as rpm.
 */
import { isUtf8 } from 'node:buffer';
import type { MillinerError } from '../errors/error.ts';
import type { ByteString } from '../host/paths.ts';
import { dataTypes, declaredType, headerTags, signatureTags, type DataType } from './tags.ts';

/** Makes an error that names the invalid file or database. */
export type Refuse = (what: string) => MillinerError;

const headerKinds = {
  /** The second header of a package file. */
  package: { tags: 0xffff, data: 0x0fffffff, regions: [headerTags.HEADERIMMUTABLE.tag], exact: true },
  /** The first header of a package file. */
  signature: { tags: 32, data: 64 * 1024 * 1024, regions: [headerTags.HEADERSIGNATURES.tag], exact: false },
  /** A row of the rpm database: the package's immutable region, then what rpm added at installation. */
  database: {
    tags: 0xffff,
    data: 0x0fffffff,
    regions: [headerTags.HEADERIMMUTABLE.tag, headerTags.HEADERIMAGE.tag],
    exact: false,
  },
} as const;
export type HeaderKind = keyof typeof headerKinds;

const entrySize = 16;
const arrayMaximum = 0x000fffff;
const firstPlainTag = 100;
const typeSize: Partial<Record<DataType, number>> = {
  char: 1,
  int8: 1,
  int16: 2,
  int32: 4,
  int64: 8,
  binary: 1,
};

interface Entry {
  type: DataType;
  /** Offset in the data area. */
  start: number;
  end: number;
  count: number;
}

interface Region {
  tag: number;
  /** Number of index entries and data bytes in the region; its trailer is the last 16 of those bytes. */
  entries: number;
  data: number;
}

export type TagNumber = { readonly tag: number };

/** The first 8 bytes of a header blob, checked against the limits; size counts those 8 bytes too. */
export function headerSize(
  intro: Buffer,
  kind: HeaderKind,
  refuse: Refuse,
): { entries: number; data: number; size: number } {
  if (intro.length < 8) throw refuse('the header is cut short');
  const limits = headerKinds[kind];
  const entries = intro.readUInt32BE(0);
  const data = intro.readUInt32BE(4);
  if (entries < 1 || entries > limits.tags) throw refuse(`the ${kind} header claims ${entries} entries`);
  if (data > limits.data) throw refuse(`the ${kind} header claims ${data} bytes of data`);
  return { entries, data, size: 8 + entries * entrySize + data };
}

export class Header {
  /** The header without its magic, as the rpm database stores it: counts, index, data. Not to be written to. */
  readonly blob: Buffer;
  /** False for headers of version 3 packages, which mark no part as signed. */
  readonly hasRegion: boolean;
  private readonly data: Buffer;
  private readonly entries = new Map<number, Entry>();
  private readonly refuse: Refuse;

  /** Checks the whole blob; texts and arrays are decoded when they are read. */
  constructor(blob: Buffer, kind: HeaderKind, refuse: Refuse) {
    this.blob = blob;
    this.refuse = refuse;
    const { entries, data, size } = headerSize(blob, kind, refuse);
    if (size !== blob.length)
      throw refuse(`the ${kind} header should have ${size} bytes, not ${blob.length}`);
    this.data = blob.subarray(size - data);
    const region = this.readRegion(kind, entries);
    this.hasRegion = region !== undefined;
    let end = 0;
    let used = region ? entrySize : 0;
    for (let i = region ? 1 : 0; i < entries; i += 1) {
      const entry = this.readEntry(i, end, region);
      const width = alignment(entry.type);
      used += ((width - (used % width)) % width) + entry.end - entry.start;
      end = entry.end;
    }
    // Only alignment bytes may lie between the entries of a package.
    if (kind !== 'database' && used !== data) {
      throw refuse(`the ${kind} header has ${data} bytes of data, its entries ${used}`);
    }
  }

  has({ tag }: TagNumber): boolean {
    return this.entries.has(tag);
  }

  /** The first string of a tag, as text. */
  string(tag: TagNumber): string | undefined {
    return this.strings(tag)?.[0];
  }

  /** Text is UTF-8, otherwise Latin-1, as createrepo_c writes it: no byte is lost. */
  strings(tag: TagNumber): string[] | undefined {
    const data = this.stringData(tag);
    if (!data || isUtf8(data)) return data?.toString('utf8').split('\0');
    return data.toString('latin1').split('\0').map(asUtf8);
  }

  /** The strings of a tag byte for byte: paths, link targets. */
  byteStrings(tag: TagNumber): ByteString[] | undefined {
    return this.stringData(tag)?.toString('latin1').split('\0') as ByteString[] | undefined;
  }

  number(tag: TagNumber): number | undefined {
    return this.numbers(tag)?.[0];
  }

  /** Unsigned numbers of any width; a 64-bit number must fit into a double exactly. */
  numbers({ tag }: TagNumber): number[] | undefined {
    const entry = this.entries.get(tag);
    if (!entry) return undefined;
    const { data } = this;
    const readers: Partial<Record<DataType, (at: number) => number>> = {
      char: (at) => data.readUInt8(at),
      int8: (at) => data.readUInt8(at),
      int16: (at) => data.readUInt16BE(at),
      int32: (at) => data.readUInt32BE(at),
      int64: (at) => this.exact(tag, data.readBigUInt64BE(at)),
    };
    const read = readers[entry.type];
    if (!read) throw this.refuse(`tag ${tag} holds ${entry.type} where numbers belong`);
    const width = typeSize[entry.type] ?? 1;
    return Array.from({ length: entry.count }, (_, i) => read(entry.start + i * width));
  }

  bytes({ tag }: TagNumber): Buffer | undefined {
    const entry = this.entries.get(tag);
    if (!entry) return undefined;
    if (entry.type !== 'binary') throw this.refuse(`tag ${tag} holds ${entry.type} where bytes belong`);
    return this.data.subarray(entry.start, entry.end);
  }

  /**
   * A copy of the blob with other values for tags outside the immutable region: 32-bit numbers, and arrays of 8-bit
   * numbers. Tags that are absent are ignored.
   */
  patched(values: readonly [TagNumber, number | readonly number[]][]): Buffer {
    const copy = Buffer.from(this.blob);
    const dataStart = copy.length - this.data.length;
    for (const [{ tag }, value] of values) {
      const entry = this.entries.get(tag);
      if (!entry) continue;
      if (typeof value !== 'number') {
        const isBytes = (entry.type === 'char' || entry.type === 'int8') && entry.count === value.length;
        if (!isBytes) throw this.refuse(`tag ${tag} is not ${value.length} 8-bit numbers`);
        Buffer.from(value).copy(copy, dataStart + entry.start);
        continue;
      }
      if (entry.type !== 'int32' || entry.count !== 1)
        throw this.refuse(`tag ${tag} is not one 32-bit number`);
      copy.writeUInt32BE(value, dataStart + entry.start);
    }
    return copy;
  }

  private stringData({ tag }: TagNumber): Buffer | undefined {
    const entry = this.entries.get(tag);
    if (!entry) return undefined;
    if (!isText(entry.type)) throw this.refuse(`tag ${tag} holds ${entry.type} where text belongs`);
    return this.data.subarray(entry.start, entry.end - 1);
  }

  private exact(tag: number, value: bigint): number {
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw this.refuse(`tag ${tag} holds an absurd size`);
    return Number(value);
  }

  private indexEntry(index: number): { tag: number; type: number; offset: number; count: number } {
    return readIndexEntry(this.blob, 8 + index * entrySize);
  }

  /** The first entry may be a region: the data up to its trailer is signed. Version 3 packages have none. */
  private readRegion(kind: HeaderKind, entryCount: number): Region | undefined {
    const { regions, exact } = headerKinds[kind];
    const first = this.indexEntry(0);
    if (!(regions as readonly number[]).includes(first.tag)) return undefined;
    const isRegion = dataTypes[first.type - 1] === 'binary' && first.count === entrySize;
    if (!isRegion || first.offset + entrySize > this.data.length)
      throw this.refuse('the region entry is invalid');
    const trailer = readIndexEntry(this.data, first.offset);
    // Some old packages name the signature region's trailer HEADERIMAGE.
    const isRegionTag =
      trailer.tag === first.tag || (kind === 'signature' && trailer.tag === headerTags.HEADERIMAGE.tag);
    const indexBytes = -(trailer.offset | 0);
    const entries = indexBytes / entrySize;
    const data = first.offset + entrySize;
    if (!isRegionTag || dataTypes[trailer.type - 1] !== 'binary' || trailer.count !== entrySize) {
      throw this.refuse('the region trailer is invalid');
    }
    if (!Number.isInteger(entries) || entries < 1 || entries > entryCount) {
      throw this.refuse('the region trailer gives an invalid size');
    }
    if (exact && (entries !== entryCount || data !== this.data.length)) {
      throw this.refuse('the header holds entries outside its signed region');
    }
    return { tag: first.tag, entries, data };
  }

  /** Checks one entry as rpm does; entries must not overlap. */
  private readEntry(index: number, previousEnd: number, region: Region | undefined): Entry {
    const { tag, type: typeNumber, offset, count } = this.indexEntry(index);
    const type = dataTypes[typeNumber - 1];
    const bad = (what: string) => this.refuse(`header entry ${index} (tag ${tag}) ${what}`);
    // A signed number, as rpm reads it.
    if ((tag | 0) < firstPlainTag) throw bad('has a reserved tag');
    if (!type) throw bad(`has the unknown type ${typeNumber}`);
    if (offset < previousEnd || offset > this.data.length)
      throw bad('lies outside the data or overlaps another');
    if (offset % alignment(type) !== 0) throw bad('is not aligned');
    if (count < 1 || count > this.data.length) throw bad(`has an invalid count of ${count}`);
    if (type !== 'binary' && count > arrayMaximum) throw bad(`has too many elements: ${count}`);
    if (region && region.tag !== headerTags.HEADERSIGNATURES.tag) {
      const declared = declaredType(tag);
      if (declared && !compatible(declared, type)) throw bad(`has the type ${type} instead of ${declared}`);
    }
    const end = this.dataEnd(type, offset, count);
    if (end === undefined) throw bad('runs past the end of the data');
    if (region && offset < region.data && end > region.data - entrySize)
      throw bad('overlaps the region trailer');
    const entry = { type, start: offset, end, count };
    this.addEntry(tag, entry, index, region);
    return entry;
  }

  /** A tag that rpm added at installation replaces the package's own; within one region a tag may occur only once. */
  private addEntry(tag: number, entry: Entry, index: number, region: Region | undefined): void {
    const added = region !== undefined && index >= region.entries;
    if (this.entries.has(tag) && !added) throw this.refuse(`tag ${tag} is in the header twice`);
    this.entries.set(tag, entry);
  }

  private dataEnd(type: DataType, start: number, count: number): number | undefined {
    const width = typeSize[type];
    if (width !== undefined)
      return start + width * count <= this.data.length ? start + width * count : undefined;
    if (type === 'string' && count !== 1) return undefined;
    let position = start;
    for (let i = 0; i < count; i += 1) {
      const terminator = this.data.indexOf(0, position);
      if (terminator < 0) return undefined;
      position = terminator + 1;
    }
    return position;
  }
}

/** Names of the tags in a signature header. */
export function signatureTagsOf(signature: Header): (keyof typeof signatureTags)[] {
  const names = Object.keys(signatureTags) as (keyof typeof signatureTags)[];
  return names.filter((name) => signature.has(signatureTags[name]));
}

function asUtf8(latin1: string): string {
  const bytes = Buffer.from(latin1, 'latin1');
  return isUtf8(bytes) ? bytes.toString('utf8') : latin1;
}

function readIndexEntry(buffer: Buffer, at: number) {
  return {
    tag: buffer.readUInt32BE(at),
    type: buffer.readUInt32BE(at + 4),
    offset: buffer.readUInt32BE(at + 8),
    count: buffer.readUInt32BE(at + 12),
  };
}

function alignment(type: DataType): number {
  return type === 'int16' || type === 'int32' || type === 'int64' ? (typeSize[type] ?? 1) : 1;
}

function isText(type: DataType): boolean {
  return type === 'string' || type === 'strings' || type === 'i18n';
}

/** rpm accepts the three text types in place of each other, and no other substitution. */
function compatible(declared: DataType, actual: DataType): boolean {
  return declared === actual || (isText(declared) && isText(actual));
}
