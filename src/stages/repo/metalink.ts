/** Metalinks (RFC 5854's predecessor, as MirrorManager writes it) and mirror lists. */
import { createHash } from 'node:crypto';
import { MillinerError } from '../../lib/errors/error.ts';
import { parseChecksum, strength, type Checksum } from '../../lib/host/checksum.ts';
import { childOf, childrenOf, parseXml, sizeOf, type Element } from './xml.ts';

/** A version of repomd.xml that mirrors may have: the newest, or an older one of slow mirrors. */
interface Version {
  size: number | undefined;
  /** The strongest that is listed. */
  checksum: Checksum;
}

export interface Metalink {
  versions: Version[];
  /** URLs of repomd.xml, the preferred first. */
  urls: string[];
}

const maxMirrors = 2000;

/** Throws REPO_INVALID. `file` names the document in errors. */
export function parseMetalink(document: string, file: string): Metalink {
  const files = childOf(parseXml(document, file), 'files');
  const entry = childrenOf(files, 'file').find((child) => child.attributes['name'] === 'repomd.xml');
  if (!entry) throw new MillinerError('REPO_INVALID', `${file} does not list repomd.xml`);
  const older = childrenOf(childOf(entry, 'alternates'), 'alternate');
  const versions = [entry, ...older].flatMap(versionOf);
  if (versions.length === 0) throw new MillinerError('REPO_INVALID', `${file} has no usable checksum`);
  const resources = childrenOf(childOf(entry, 'resources'), 'url').slice(0, maxMirrors);
  const urls = resources
    .map((url) => ({ url: url.text.trim(), preference: Number(url.attributes['preference'] ?? 0) }))
    .filter(({ url }) => /^https?:\/\/.+\/repodata\/repomd\.xml$/.test(url))
    .toSorted((a, b) => b.preference - a.preference)
    .map(({ url }) => url);
  if (urls.length === 0) throw new MillinerError('REPO_UNAVAILABLE', `${file} names no http or https mirror`);
  return { versions, urls };
}

function versionOf(element: Element): Version[] {
  const stated = childrenOf(childOf(element, 'verification'), 'hash')
    .map((hash) => parseChecksum(hash.attributes['type'] ?? '', hash.text))
    .filter((checksum) => checksum !== undefined)
    .toSorted((a, b) => strength(b) - strength(a));
  return stated[0] ? [{ size: sizeOf(element, 'size'), checksum: stated[0] }] : [];
}

/** Whether the metalink lists this repomd.xml. */
export function vouchesFor(metalink: Metalink, repomd: Buffer): boolean {
  return metalink.versions.some(
    ({ size, checksum }) =>
      (size === undefined || size === repomd.length) &&
      createHash(checksum.type).update(repomd).digest('hex') === checksum.value,
  );
}

/** Base URLs, one per line, best first; lines that begin with # are comments. */
export function parseMirrorlist(document: string, file: string): string[] {
  const lines = document.split('\n').map((line) => line.trim());
  const urls = lines.filter((line) => /^https?:\/\//.test(line)).slice(0, maxMirrors);
  if (urls.length === 0) throw new MillinerError('REPO_UNAVAILABLE', `${file} names no http or https mirror`);
  return urls;
}
