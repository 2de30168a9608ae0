/** Makes RPM headers, archives and whole packages byte by byte, so that tests can make wrong ones too. */
import { fileType } from '../../../src/lib/rpm/file-list.ts';
import {
  dataTypes,
  headerTags,
  signatureTags,
  type DataType,
  type HeaderTag,
} from '../../../src/lib/rpm/tags.ts';

export interface HeaderEntry {
  tag: number;
  type: DataType;
  values: readonly (string | number | bigint | Buffer)[];
}

export function entry(name: HeaderTag, ...values: HeaderEntry['values']): HeaderEntry {
  return { ...headerTags[name], values };
}

const width: Partial<Record<DataType, number>> = { char: 1, int8: 1, int16: 2, int32: 4, int64: 8 };

function encode({ type, values }: HeaderEntry): Buffer {
  return Buffer.concat(
    values.map((value) => {
      if (Buffer.isBuffer(value)) return type === 'binary' ? value : Buffer.concat([value, Buffer.alloc(1)]);
      if (typeof value === 'string') return Buffer.from(`${value}\0`, 'utf8');
      const bytes = Buffer.alloc(8);
      bytes.writeBigUInt64BE(BigInt(value));
      return bytes.subarray(8 - (width[type] ?? 4));
    }),
  );
}

function indexEntry(tag: number, type: DataType, offset: number, count: number): Buffer {
  const bytes = Buffer.alloc(16);
  [tag, dataTypes.indexOf(type) + 1, offset, count].forEach((value, i) => bytes.writeInt32BE(value, i * 4));
  return bytes;
}

/** A header blob (no magic): the region, then what rpm adds after it (`added`). */
export function headerBlob(
  region: number | undefined,
  entries: HeaderEntry[],
  added: HeaderEntry[] = [],
): Buffer {
  const index: Buffer[] = [];
  let data = Buffer.alloc(0);
  const append = (it: HeaderEntry): void => {
    const align = width[it.type] ?? 1;
    data = Buffer.concat([data, Buffer.alloc((align - (data.length % align)) % align)]);
    const encoded = encode(it);
    const count = it.type === 'binary' ? encoded.length : it.values.length;
    index.push(indexEntry(it.tag, it.type, data.length, count));
    data = Buffer.concat([data, encoded]);
  };
  for (const it of entries.toSorted((a, b) => a.tag - b.tag)) append(it);
  if (region !== undefined) {
    index.unshift(indexEntry(region, 'binary', data.length, 16));
    data = Buffer.concat([data, indexEntry(region, 'binary', -16 * (entries.length + 1), 16)]);
  }
  for (const it of added) append(it);
  const counts = Buffer.alloc(8);
  counts.writeUInt32BE(index.length, 0);
  counts.writeUInt32BE(data.length, 4);
  return Buffer.concat([counts, ...index, data]);
}

export interface SyntheticFile {
  path: string;
  mode?: number;
  size?: number;
  flags?: number;
  inode?: number;
  target?: string;
}

/** The header entries of a small package with these files. */
export function packageEntries(files: readonly SyntheticFile[], more: HeaderEntry[] = []): HeaderEntry[] {
  const base = [
    entry('NAME', 'sample'),
    entry('VERSION', '1.2'),
    entry('RELEASE', '3'),
    entry('EPOCH', 4),
    entry('ARCH', 'noarch'),
    entry('SUMMARY', 'A sample'),
    entry('SOURCERPM', 'sample-1.2-3.src.rpm'),
    entry('PROVIDENAME', 'sample', 'user(web)'),
    entry('PROVIDEFLAGS', 8, 8),
    entry('PROVIDEVERSION', '4:1.2-3', Buffer.from('u web - "Web"').toString('base64')),
    entry('POSTIN', 'echo installed'),
    entry('POSTINPROG', '/bin/sh', '-e'),
    entry('TRIGGERSCRIPTS', 'echo one', 'echo two'),
    entry('TRIGGERSCRIPTPROG', '/bin/sh', '<lua>'),
    entry('TRIGGERNAME', 'bash', 'zsh', 'dash'),
    entry('TRIGGERVERSION', '', '5', ''),
    entry('TRIGGERFLAGS', 1 << 16, (1 << 16) | 4, 1 << 18),
    entry('TRIGGERINDEX', 0, 0, 1),
  ];
  const replaced = new Set(more.map((it) => it.tag));
  return [...[...base, ...fileEntries(files)].filter((it) => !replaced.has(it.tag)), ...more];
}

function fileEntries(files: readonly SyntheticFile[]): HeaderEntry[] {
  if (files.length === 0) return [];
  const directories = [...new Set(files.map(({ path }) => path.slice(0, path.lastIndexOf('/') + 1)))];
  const each = <T extends string | number>(of: (file: SyntheticFile, i: number) => T) => files.map(of);
  return [
    entry('DIRNAMES', ...directories),
    entry('BASENAMES', ...each(({ path }) => path.slice(path.lastIndexOf('/') + 1))),
    entry('DIRINDEXES', ...each(({ path }) => directories.indexOf(path.slice(0, path.lastIndexOf('/') + 1)))),
    entry('FILEMODES', ...each(({ mode }) => mode ?? fileType.regular | 0o644)),
    entry('FILESIZES', ...each(({ size, target }) => size ?? target?.length ?? 0)),
    entry('FILEUSERNAME', ...each(() => 'root')),
    entry('FILEGROUPNAME', ...each(() => 'root')),
    entry('FILEFLAGS', ...each(({ flags }) => flags ?? 0)),
    entry('FILELINKTOS', ...each(({ target }) => target ?? '')),
    entry('FILEINODES', ...each(({ inode }, i) => inode ?? i + 1)),
    entry('FILEDEVICES', ...each(() => 1)),
  ];
}

export const headerMagic = Buffer.from('8eade80100000000', 'hex');

export interface SyntheticPackage {
  header: Buffer;
  signature?: HeaderEntry[];
  payload?: Buffer;
}

const unsigned: HeaderEntry[] = [{ ...signatureTags.SHA1, values: ['0'.repeat(40)] }];

/** A whole package file: lead, signature header, header, payload. */
export function packageFile({
  header,
  signature = unsigned,
  payload = Buffer.alloc(0),
}: SyntheticPackage): Buffer {
  const lead = Buffer.alloc(96);
  lead.write('edabeedb03', 'hex');
  lead.writeUInt16BE(5, 78);
  const blob = headerBlob(headerTags.HEADERSIGNATURES.tag, signature);
  const padding = Buffer.alloc((8 - (blob.length % 8)) % 8);
  return Buffer.concat([lead, headerMagic, blob, padding, headerMagic, header, payload]);
}

export interface ArchiveEntry {
  name?: string;
  /** Makes a stripped entry. */
  index?: number;
  mode?: number;
  content?: string;
  /** The size that is claimed. */
  size?: number;
}

/** A cpio archive as rpm writes it; without a trailer if asked. */
export function archive(entries: readonly ArchiveEntry[], withTrailer = true): Buffer {
  let bytes = Buffer.alloc(0);
  const append = (part: Buffer): void => {
    bytes = Buffer.concat([bytes, part, Buffer.alloc((4 - ((bytes.length + part.length) % 4)) % 4)]);
  };
  for (const it of withTrailer ? [...entries, { name: 'TRAILER!!!' }] : entries) {
    append(it.index === undefined ? namedHead(it) : Buffer.from(`07070X${hex(it.index)}`));
    append(Buffer.from(it.content ?? ''));
  }
  return bytes;
}

function namedHead({ name = '', mode = fileType.regular | 0o644, content = '', size }: ArchiveEntry): Buffer {
  const length = Buffer.byteLength(name) + 1;
  const fields = [1, mode, 0, 0, 1, 0, size ?? Buffer.byteLength(content), 0, 0, 0, 0, length, 0];
  return Buffer.from(`070701${fields.map(hex).join('')}${name}\0`);
}

function hex(value: number): string {
  return value.toString(16).padStart(8, '0');
}
