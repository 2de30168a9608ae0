/**
 * Predicts from headers what rpm will install: every file at its final path, as a tree shows it. Layers are made from
 * the prediction while rpm still runs. A comparison with the installed tree shows any difference.
 */
import { byteString, type ByteString } from '../../../lib/host/paths.ts';
import { capabilityXattr } from '../../../lib/rpm/capabilities.ts';
import { fileType, hardLinkSets, type RpmFile } from '../../../lib/rpm/file-list.ts';
import { refusePackage } from '../../../lib/rpm/lead.ts';
import type { RpmPackage } from '../../../lib/rpm/package.ts';
import { parentOf, type TreeEntry } from '../tree.ts';
import type { Resolve } from './packaged.ts';

export interface VerifiedPackage {
  package: RpmPackage;
  /** Digest of the package file, hexadecimal. */
  sha256: string;
}

/** Index in the header's file list, path in the image, and owner. */
export type PlacedFile = readonly [index: number, path: ByteString, uid: number, gid: number];

export interface PredictedFile {
  file: RpmFile;
  entry: TreeEntry;
}

export interface PredictedPackage extends VerifiedPackage {
  /** Everything but directories and ghosts, in the header's order. */
  places: PlacedFile[];
  /** Its directories by index in the header's file list. */
  directories: Map<number, ByteString>;
  /** False if an owner has no ID yet, because a scriptlet of this transaction makes it. */
  isCertain: boolean;
}

export interface Surroundings {
  resolve: Resolve;
  /** Whether a package's file is in the image at its resolved path. */
  isInstalled: (one: RpmPackage, index: number, path: ByteString) => boolean;
  /** Undefined if the owner has no ID yet. */
  ownerAt: (file: RpmFile, path: ByteString) => Owner | undefined;
}

interface Owner {
  uid: number;
  gid: number;
}

/**
 * A path occurs once in an image, also if several packages have it. It belongs to the first of them by NEVRA, so that
 * the result depends only on the set of packages.
 */
export function predictPackages(
  packages: readonly VerifiedPackage[],
  surroundings: Surroundings,
): PredictedPackage[] {
  const taken = new Set<ByteString>();
  const byNevra = packages.toSorted((a, b) => (a.package.nevra < b.package.nevra ? -1 : 1));
  return byNevra.map((one) => predictPackage(one, surroundings, taken));
}

function predictPackage(
  one: VerifiedPackage,
  { resolve, isInstalled, ownerAt }: Surroundings,
  taken: Set<ByteString>,
): PredictedPackage {
  const places: PlacedFile[] = [];
  const directories = new Map<number, ByteString>();
  let isCertain = true;
  for (const [index, file] of one.package.files.entries()) {
    const path = file.flags.ghost ? undefined : resolve(file.path);
    if (path === undefined || !isInstalled(one.package, index, path)) continue;
    if ((file.mode & fileType.mask) === fileType.directory) {
      directories.set(index, path);
      continue;
    }
    if (taken.has(path)) continue;
    taken.add(path);
    const owner = ownerAt(file, path);
    isCertain &&= owner !== undefined;
    places.push([index, path, owner?.uid ?? 0, owner?.gid ?? 0]);
  }
  return { ...one, places, directories, isCertain };
}

/** As a scan of the tree would show them, except for inode and change time, which do not exist yet. */
export function filesOf({
  package: one,
  places,
}: Pick<PredictedPackage, 'package' | 'places'>): PredictedFile[] {
  const refuse = refusePackage(one.path);
  const found = places.map(([index, path, uid, gid]) => {
    const file = one.files[index]!;
    const capability = capabilityXattr(file.capabilities, refuse);
    return { file, entry: entryOf(file, path, { uid, gid }, capability) };
  });
  joinLinks(found, hardLinkSets(one.files, refuse));
  return found;
}

function entryOf(
  file: RpmFile,
  path: ByteString,
  ids: { uid: number; gid: number },
  capability: Buffer | undefined,
): TreeEntry {
  const type = file.mode & fileType.mask;
  const isDevice = type === fileType.character || type === fileType.block;
  const isLink = type === fileType.link;
  const target = file.linkTarget ?? byteString('');
  return {
    path,
    mode: isLink ? fileType.link | 0o777 : file.mode,
    ...ids,
    size: type === fileType.regular ? file.size : isLink ? target.length : 0,
    allocated: 0,
    mtimeSeconds: file.mtime,
    mtimeNanoseconds: 0,
    ctimeNanoseconds: noChangeTime,
    inode: --lastInode,
    links: 1,
    deviceMajor: isDevice ? file.deviceMajor : 0,
    deviceMinor: isDevice ? file.deviceMinor : 0,
    ...(isLink && { target }),
    ...(capability && { xattrs: { 'security.capability': capability } }),
    ...(file.digest?.algorithm === 'sha256' && { sha256: file.digest.hex }),
  };
}

/** Equals no real change time, so that no file counts as unchanged. */
const noChangeTime = -1n;

/** Negative, so that it never equals an inode of a file system. */
let lastInode = 0n;

/** Names of one file share its inode, as far as they are in the image. */
function joinLinks(files: readonly PredictedFile[], sets: ReadonlyMap<RpmFile, RpmFile[]>): void {
  const linked = files.filter(({ file }) => sets.has(file));
  for (const linkedEntries of Map.groupBy(linked, ({ file }) => sets.get(file)!).values()) {
    for (const { entry } of linkedEntries) {
      entry.inode = linkedEntries[0]!.entry.inode;
      entry.links = linkedEntries.length;
    }
  }
}

/**
 * Indexes of files that the recipe's options exclude, as rpm's skipInstallFiles (lib/transaction.c) decides. It also
 * excludes a directory if nothing else of the package is left in it.
 */
export function filesNotInstalled(
  files: readonly RpmFile[],
  { docs, languages }: InstallOptions,
): Set<number> {
  const omitted = new Set<number>();
  const children = Map.groupBy(files.keys(), (index) => parentOf(files[index]!.path));
  for (const [index, { flags, lang }] of files.entries())
    if ((!docs && flags.doc) || !isLanguageInstalled(lang, languages)) omitted.add(index);
  // In the file list, the content of a directory comes after it.
  for (const [index, { path, mode }] of [...files.entries()].toReversed()) {
    const own = children.get(path) ?? [];
    const isEmptied = own.length > 0 && own.every((child) => omitted.has(child));
    if ((mode & fileType.mask) === fileType.directory && isEmptied) omitted.add(index);
  }
  return omitted;
}

interface InstallOptions {
  docs: boolean;
  languages?: string[] | undefined;
}

function isLanguageInstalled(lang: string, languages: string[] | undefined): boolean {
  if (languages === undefined || lang === '') return true;
  const names = lang.split('|').filter((name) => name !== '');
  return names.some((name) => languages.some((wanted) => wanted.startsWith(name)));
}
