/**
 * The segments of a layer as native/layer/segments.h reads them: entries and files of a tree, packages, and what an
 * earlier layer holds. Numbers are little-endian, byte strings stand behind their length.
 */
import type { RpmFile } from '../../../lib/rpm/file-list.ts';
import { hardLinkSets } from '../../../lib/rpm/file-list.ts';
import type { Refuse } from '../../../lib/rpm/header.ts';
import { refusePackage } from '../../../lib/rpm/lead.ts';
import { filesOf, type PredictedPackage } from '../packages/predict.ts';
import { tarEntry } from '../tar/entry.ts';
import type { TarEntry, TarType } from '../tar/tar-entry.ts';
import { isRegular } from '../tree.ts';

/** An entry, and for a file with content its path below the tree's root. */
export interface TreeMember {
  entry: TarEntry;
  file?: string;
}

/** A part of a blob: frames or members that lie end to end. */
export interface BlobRange {
  path: string;
  offset: number;
  size: number;
}

const kinds = { members: 1, package: 2, stored: 3 };
const typeFlags: Record<TarType, string> = {
  file: '0',
  link: '1',
  symlink: '2',
  character: '3',
  block: '4',
  directory: '5',
  fifo: '6',
};
const compressors: Record<string, number> = {
  none: 0,
  gzip: 1,
  zstd: 2,
  xz: 3,
  lzma: 4,
  bzip2: 5,
  // The header names none: the engine looks.
  '': 6,
};
/** OpenPGP's numbers (RFC 4880, 9.4). */
const algorithms = { md5: 1, sha1: 2, sha256: 8, sha384: 9, sha512: 10, sha224: 11 };

export class SegmentBytes {
  #bytes = Buffer.allocUnsafe(64 * 1024);
  #length = 0;

  /** @param root the mount point of the tree; none if no member has content */
  members(members: Iterable<TreeMember>, root = ''): this {
    this.#number(kinds.members, 1);
    this.#text(root, 'utf8');
    this.#counted(members, ({ entry, file = '' }) => {
      this.#entry(entry);
      this.#text(file);
    });
    return this;
  }

  /** Files of a package, in the payload's order. Throws PACKAGE_INVALID, IMAGE_UNREPRESENTABLE. */
  package(one: Pick<PredictedPackage, 'package' | 'places'>): this {
    const { path, payload, files } = one.package;
    const refuse = refusePackage(path);
    const compressor = compressors[payload.compressor];
    if (compressor === undefined) throw refuse(`has the unknown payload compressor ${payload.compressor}`);
    this.#number(kinds.package, 1);
    this.#text(path, 'utf8');
    this.#number(compressor, 1);
    this.#number(payload.offset, 8);
    this.#number(payload.size, 8);
    const sets = numbered(files, refuse);
    this.#counted(files, (file) => this.#file(file, sets.get(file) ?? 0));
    this.#placed(one, sets);
    return this;
  }

  stored({ path, offset, size }: BlobRange): this {
    this.#number(kinds.stored, 1);
    this.#text(path, 'utf8');
    this.#number(offset, 8);
    this.#number(size, 8);
    return this;
  }

  bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  #file(file: RpmFile, linkSet: number): void {
    this.#number(file.mode, 4);
    this.#number(file.size, 8);
    this.#number(file.flags.ghost ? 1 : 0, 1);
    this.#number(linkSet, 4);
    this.#number(file.digest ? algorithms[file.digest.algorithm] : 0, 1);
    this.#text(file.path);
    this.#text(file.digest?.hex ?? '');
    this.#text(file.linkTarget ?? '');
  }

  /** Of a set of hard links the first name has the content, and the others lead to it. */
  #placed(one: Pick<PredictedPackage, 'package' | 'places'>, sets: ReadonlyMap<RpmFile, number>): void {
    const firstNames = new Map<number, TarEntry['path']>();
    const found = filesOf(one);
    this.#counted([...found.entries()], ([at, { file, entry }]) => {
      const set = isRegular(entry) ? sets.get(file) : undefined;
      const first = set === undefined ? undefined : firstNames.get(set);
      if (set !== undefined && first === undefined) firstNames.set(set, entry.path);
      this.#number(one.places[at]![0], 4);
      this.#entry(tarEntry(entry, first));
    });
  }

  #entry(entry: TarEntry): void {
    this.#reserve(40);
    this.#length = this.#bytes.writeUInt8(typeFlags[entry.type].charCodeAt(0), this.#length);
    this.#number(entry.mode, 4);
    this.#number(entry.uid, 4);
    this.#number(entry.gid, 4);
    this.#number(entry.size, 8);
    this.#number(entry.mtime, 8);
    this.#number(entry.deviceMajor ?? 0, 4);
    this.#number(entry.deviceMinor ?? 0, 4);
    this.#text(entry.path);
    this.#text(entry.linkTarget ?? '');
    this.#counted(Object.entries(entry.xattrs ?? {}), ([name, value]) => {
      this.#text(name);
      this.#number(value.length, 4);
      this.#reserve(value.length);
      this.#length += value.copy(this.#bytes, this.#length);
    });
  }

  #counted<T>(items: Iterable<T>, write: (item: T) => void): void {
    const at = this.#length;
    this.#number(0, 4);
    let count = 0;
    for (const item of items) {
      write(item);
      count++;
    }
    this.#bytes.writeUInt32LE(count, at);
  }

  /** Negative ones in eight bytes alone. */
  #number(value: number, size: 1 | 4 | 8): void {
    this.#reserve(size);
    if (size === 1) this.#length = this.#bytes.writeUInt8(value, this.#length);
    else {
      this.#length = this.#bytes.writeUInt32LE((value % 2 ** 32) >>> 0, this.#length);
      if (size === 8) this.#length = this.#bytes.writeInt32LE(Math.floor(value / 2 ** 32), this.#length);
    }
  }

  /** Encodings that write as many bytes as they announce, whatever the text: the next number stands right behind. */
  #text(text: string, encoding: 'latin1' | 'utf8' = 'latin1'): void {
    const length = Buffer.byteLength(text, encoding);
    this.#number(length, 4);
    this.#reserve(length);
    this.#length += this.#bytes.write(text, this.#length, encoding);
  }

  #reserve(size: number): void {
    if (this.#length + size <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(2 * (this.#length + size));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }
}

function numbered(files: readonly RpmFile[], refuse: Refuse): Map<RpmFile, number> {
  const numbers = new Map<RpmFile[], number>();
  const found = new Map<RpmFile, number>();
  for (const [file, set] of hardLinkSets(files, refuse)) {
    if (!numbers.has(set)) numbers.set(set, numbers.size + 1);
    found.set(file, numbers.get(set)!);
  }
  return found;
}
