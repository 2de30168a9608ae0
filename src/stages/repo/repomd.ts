/** repomd.xml: the list of a repository's metadata files with their checksums. */
import { MillinerError } from '../../lib/errors/error.ts';
import { parseChecksum, type Checksum } from '../../lib/host/checksum.ts';
import { childOf, childrenOf, parseXml, sizeOf, textOf, type Element } from './xml.ts';

export interface MetadataFile {
  type: string;
  location: string;
  /** The entry's own xml:base; empty if it has none. */
  base: string;
  checksum: Checksum;
  /** Checksums of further entries of the type for the same file: they must match too. */
  repeated: Checksum[];
  /** Compressed bytes; old repositories do not record them. */
  size: number | undefined;
  /** Decompressed bytes. */
  openSize: number | undefined;
}

/** Age of a repository's state, to tell which of two is older. */
export interface Age {
  /** Null if it is not a number. */
  revision: number | null;
  /** Time of its newest file in seconds since 1970; 0 if no file has a time. */
  timestamp: number;
}

export interface Repomd {
  files: ReadonlyMap<MetadataType, MetadataFile>;
  age: Age;
}

/** The only types that are fetched. */
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
 * Some tools add a second entry of a type without removing the first. As in librepo, the first names the file, and the
 * others must match it. If they name another file, it is unclear which one is meant.
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
