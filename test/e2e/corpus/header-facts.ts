/** The facts of one package in the shapes of rpm's Python binding, which gives strings with surrogates for odd bytes. */
import { isUtf8 } from 'node:buffer';
import type { Dependency } from '../../../src/lib/rpm/dependencies.ts';
import { fileType, hardLinkSets } from '../../../src/lib/rpm/file-list.ts';
import type { Header } from '../../../src/lib/rpm/header.ts';
import { refusePackage } from '../../../src/lib/rpm/lead.ts';
import type { RpmPackage } from '../../../src/lib/rpm/package.ts';
import { headerTags, signatureTags } from '../../../src/lib/rpm/tags.ts';

export type TagValue = string | number | (string | number)[] | { hex: string };

/** Path, mode, user, group, size, mtime, digest, link target, flags, verify flags, capabilities, names, inode, device, colour. */
export type FileRow = [
  ...[path: string, mode: string, user: string, group: string, size: number, mtime: number, digest: string],
  ...[target: string, flags: number, verify: number, capabilities: string],
  ...[names: number, inode: number, device: number, colour: number],
];

export type DependencyRow = [name: string, version: string, flags: number];

const archiveSize = 1046;
/** rpm shows tags of the signature header under numbers of their own (its lib/rpmtag.h). */
const inSignature: Record<number, number> = {
  257: signatureTags.SIZE.tag,
  259: signatureTags.PGP.tag,
  261: signatureTags.MD5.tag,
  262: signatureTags.GPG.tag,
  [archiveSize]: 1007,
  5090: 274,
  5091: 275,
};

/** In the truth's shape: the binding gives one value where rpm declares the tag to have one. Text as its bytes. */
export function tagValue(number: number, shape: TagValue, header: Header, signature: Header): unknown {
  const own = header.has({ tag: number });
  const from = own ? header : signature;
  const tag = own ? number : (inSignature[number] ?? number);
  if (!from.has({ tag })) return undefined;
  const sample = Array.isArray(shape) ? shape[0] : shape;
  if (typeof sample === 'object') return { hex: from.bytes({ tag })?.toString('hex') };
  const values = typeof sample === 'number' ? from.numbers({ tag }) : from.byteStrings({ tag });
  return Array.isArray(shape) ? values : values?.[0];
}

/** What rpm adds where a package does not say what it was built from. */
const noSource = '(none)';

/** rpm adds tags to old packages while it reads them. */
export function addedOnReading(ours: RpmPackage): Map<number, unknown> {
  const { provides, header } = ours;
  return new Map<number, unknown>([
    ...(ours.source ? [[headerTags.SOURCEPACKAGE.tag, 1] as const] : []),
    ...(ours.source || ours.sourceRpm ? [] : [[headerTags.SOURCERPM.tag, noSource] as const]),
    ...(header.hasRegion
      ? []
      : [
          [headerTags.PROVIDENAME.tag, provides.map(({ name }) => bytesIn(name))] as const,
          [headerTags.PROVIDEFLAGS.tag, provides.map(({ flags }) => flags)] as const,
          [headerTags.PROVIDEVERSION.tag, provides.map(({ version }) => bytesIn(version))] as const,
        ]),
  ]);
}

/** What Milliner makes of single tags, by their numbers. */
export function namedFacts(ours: RpmPackage): [number, string | number][] {
  return [
    [headerTags.SUMMARY.tag, ours.summary],
    [headerTags.LICENSE.tag, ours.license],
    [headerTags.VENDOR.tag, ours.vendor],
    [headerTags.URL.tag, ours.url],
    [headerTags.SOURCERPM.tag, ours.sourceRpm || noSource],
    [headerTags.BUILDTIME.tag, ours.buildTime],
    [headerTags.ARCH.tag, ours.arch],
    [headerTags.SIZE.tag, ours.size],
  ];
}

/** The binding gives flags as signed numbers. */
export const dependencyRow = ({ name, version, flags }: Dependency): DependencyRow => [
  name,
  version,
  flags | 0,
];

export function fileRows(ours: RpmPackage): unknown[][] {
  const names = hardLinkSets(ours.files, refusePackage(ours.path));
  const raw = ours.header.numbers(headerTags.FILEFLAGS);
  return ours.files.map((file, index) => {
    // The files of a source package lie in no directory.
    const path = ours.source ? file.path : `/${file.path}`;
    const { user, group, size, mtime, digest, linkTarget, verifyFlags, capabilities, inode } = file;
    const owned = [path, `0o${file.mode.toString(8)}`, user, group, size, mtime];
    const content = [digest?.hex ?? '', linkTarget ?? '', raw?.[index] ?? 0, verifyFlags | 0, capabilities];
    const device = (file.deviceMajor << 8) | file.deviceMinor;
    return [...owned, ...content, names.get(file)?.length ?? 1, inode, device, file.color];
  });
}

/** The truth's row as ours are. */
export function rowOf(row: FileRow): unknown[] {
  const [path, mode, user, group, size, mtime, digest, target, ...rest] = row;
  const regular = (Number(mode) & fileType.mask) === fileType.regular;
  // Where there is no digest, the binding shows zeros.
  const hex = regular && /[^0]/.test(digest) ? digest : '';
  return [bytesIn(path), mode, text(user), text(group), size, mtime, hex, bytesIn(target), ...rest];
}

/** Text as one character for each byte. */
export function bytesIn(value: string): string {
  return bufferOf(value).toString('latin1');
}

/** Text as Milliner shows it: UTF-8, or Latin-1 where it is not. */
export function text(value: string): string {
  const bytes = bufferOf(value);
  return bytes.toString(isUtf8(bytes) ? 'utf8' : 'latin1');
}

/** Python's surrogateescape: U+DC80 to U+DCFF stand for the bytes 0x80 to 0xff that are no UTF-8. */
function bufferOf(value: string): Buffer {
  const parts = value.split(/(?<![\ud800-\udbff])([\udc80-\udcff])/);
  return Buffer.concat(
    parts.map((part, index) =>
      index % 2 === 1 ? Buffer.from([part.charCodeAt(0) & 0xff]) : Buffer.from(part),
    ),
  );
}
