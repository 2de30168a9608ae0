/** repomd.xml: the list of a repository's metadata files with their checksums. */
import { parseChecksum, type Checksum } from '../host/checksum.ts';
import { MillinerError } from '../errors.ts';
import { childOf, childrenOf, parseXml, sizeOf, textOf, type Element } from './xml.ts';

export interface MetadataFile {
  type: string;
  location: string;
  /** The entry's own xml:base; empty where it has none. */
  base: string;
  checksum: Checksum;
  /** Bytes as stored; old repositories do not say. */
  size: number | undefined;
}

/** The only types that are ever fetched. */
const known = ['primary', 'filelists', 'group', 'group_gz', 'group_xz', 'group_zst', 'updateinfo'] as const;
export type MetadataType = (typeof known)[number];

const maxEntries = 1000;

/** Throws REPO_INVALID. `file` names the document in errors. */
export function parseRepomd(document: string, file: string): Map<MetadataType, MetadataFile> {
  const root = parseXml(document, file);
  if (root.name !== 'repomd') throw new MillinerError('REPO_INVALID', `${file} is no repomd document`);
  const entries = childrenOf(root, 'data');
  if (entries.length > maxEntries) throw new MillinerError('REPO_INVALID', `${file} has too many entries`);
  const files = new Map<MetadataType, MetadataFile>();
  for (const entry of entries) {
    const type = known.find((name) => name === entry.attributes['type']);
    if (!type) continue;
    if (files.has(type)) throw new MillinerError('REPO_INVALID', `${file} lists ${type} twice`);
    files.set(type, parseEntry(entry, type, file));
  }
  if (!files.has('primary')) throw new MillinerError('REPO_INVALID', `${file} lists no primary metadata`);
  return files;
}

function parseEntry(entry: Element, type: string, file: string): MetadataFile {
  const location = childOf(entry, 'location');
  const href = location?.attributes['href'];
  if (!location || !href) throw new MillinerError('REPO_INVALID', `${file} gives no location for ${type}`);
  const stated = childOf(entry, 'checksum');
  const checksum = parseChecksum(stated?.attributes['type'] ?? '', stated?.text ?? '');
  if (!checksum) throw new MillinerError('REPO_INVALID', `${file} gives no usable checksum for ${type}`);
  const base = location.attributes['xml:base'] ?? '';
  if (childOf(entry, 'size') && sizeOf(entry, 'size') === undefined) {
    const message = `${file} gives ${JSON.stringify(textOf(entry, 'size'))} as size of ${type}`;
    throw new MillinerError('REPO_INVALID', message);
  }
  return { type, location: href, base, checksum, size: sizeOf(entry, 'size') };
}
