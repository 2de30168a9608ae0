/** repomd.xml: the list of a repository's metadata files with their checksums. */
import { MillinerError } from '../../lib/errors/error.ts';
import { parseChecksum, type Checksum } from '../../lib/host/checksum.ts';
import { childOf, childrenOf, parseXml, sizeOf, textOf, type Element } from './xml.ts';

export interface MetadataFile {
  type: string;
  location: string;
  /** The entry's own xml:base; empty where it has none. */
  base: string;
  checksum: Checksum;
  /** What further entries of the type say of the same file: these must hold, too. */
  repeated: Checksum[];
  /** Bytes as stored; old repositories do not say. */
  size: number | undefined;
  /** Bytes when unpacked. */
  openSize: number | undefined;
}

/** When a repository was made, for telling which of two states of it is older. */
export interface Age {
  /** Where it is a number. */
  revision: number | null;
  /** Seconds since 1970, of the newest of its files; 0 where none is dated. */
  timestamp: number;
}

export interface Repomd {
  files: ReadonlyMap<MetadataType, MetadataFile>;
  age: Age;
}

/** The only types that are ever fetched. */
const known = [
  'primary',
  'filelists',
  'group',
  'group_gz',
  'group_xz',
  'group_zst',
  'group_bz2',
  'modules',
  'updateinfo',
] as const;
export type MetadataType = (typeof known)[number];

const maxEntries = 1000;

/** Throws REPO_INVALID. `file` names the document in errors. */
export function parseRepomd(document: string, file: string): Repomd {
  const root = parseXml(document, file);
  if (root.name !== 'repomd') throw new MillinerError('REPO_INVALID', `${file} is not a repomd document`);
  const entries = childrenOf(root, 'data');
  if (entries.length > maxEntries) throw new MillinerError('REPO_INVALID', `${file} has too many entries`);
  const files = new Map<MetadataType, MetadataFile>();
  for (const entry of entries) {
    const type = known.find((name) => name === entry.attributes['type']);
    if (!type) continue;
    const first = files.get(type);
    if (first) repeat(first, entry, file);
    else files.set(type, parseEntry(entry, type, file));
  }
  if (!files.has('primary')) throw new MillinerError('REPO_INVALID', `${file} lists no primary metadata`);
  return { files, age: ageOf(root, entries) };
}

/** Old tools write fractions of seconds; a revision may be any word. */
function ageOf(root: Element, entries: readonly Element[]): Age {
  const times = entries.map((entry) => Math.floor(Number(textOf(entry, 'timestamp'))));
  const timestamp = times.filter(Number.isSafeInteger).reduce((newest, time) => Math.max(newest, time), 0);
  return { revision: sizeOf(root, 'revision') ?? null, timestamp };
}

/**
 * Tools that add an entry without looking leave two of one type. As in librepo the first names the file, and what the
 * others state must be true of it; where they speak of another, nobody knows which was meant.
 */
function repeat(first: MetadataFile, entry: Element, file: string): void {
  if (!childOf(entry, 'checksum')) return;
  const checksum = checksumOf(entry, first.type, file);
  const same = [first.checksum, ...first.repeated].find(({ type }) => type === checksum.type);
  if (!same) first.repeated.push(checksum);
  else if (same.value !== checksum.value) {
    throw new MillinerError('REPO_INVALID', `${file} lists ${first.type} twice, with different files`);
  }
}

function checksumOf(entry: Element, type: string, file: string): Checksum {
  const stated = childOf(entry, 'checksum');
  const checksum = parseChecksum(stated?.attributes['type'] ?? '', stated?.text ?? '');
  if (checksum) return checksum;
  throw new MillinerError('REPO_INVALID', `${file} gives no usable checksum for ${type}`);
}

function parseEntry(entry: Element, type: string, file: string): MetadataFile {
  const location = childOf(entry, 'location');
  const href = location?.attributes['href'];
  if (!location || !href) throw new MillinerError('REPO_INVALID', `${file} gives no location for ${type}`);
  const checksum = checksumOf(entry, type, file);
  const base = location.attributes['xml:base'] ?? '';
  if (childOf(entry, 'size') && sizeOf(entry, 'size') === undefined) {
    const message = `${file} gives ${JSON.stringify(textOf(entry, 'size'))} as size of ${type}`;
    throw new MillinerError('REPO_INVALID', message);
  }
  const openSize = sizeOf(entry, 'open-size');
  return { type, location: href, base, checksum, repeated: [], size: sizeOf(entry, 'size'), openSize };
}
