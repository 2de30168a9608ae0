/** Reads the files of a payload and matches each to its entry in the header. */
import { createHash } from 'node:crypto';
import { showBytes, type ByteString } from '../../../src/lib/host/paths.ts';
import { readCpio, type CpioEntry } from './cpio.ts';
import { decompressPayload } from './decompress-payload.ts';
import { fileType, hardLinkSets, type RpmFile } from '../../../src/lib/rpm/file-list.ts';
import type { Refuse } from '../../../src/lib/rpm/header.ts';
import { refusePackage } from '../../../src/lib/rpm/lead.ts';
import type { RpmPackage } from '../../../src/lib/rpm/package.ts';

export interface PayloadOptions {
  signal?: AbortSignal | undefined;
  /** The package is verified already: the digest of its payload is not computed again, those of its files are. */
  isTrusted?: boolean;
}

export interface PayloadFile {
  /** All of its names in the header's order: one, or a set of hard links. */
  links: readonly [RpmFile, ...RpmFile[]];
  /** Exactly links[0].size bytes, checked against the digest; read them before the next file. */
  content: AsyncIterable<Buffer>;
}

/**
 * Regular files with their content, each once, in the payload's order. Directories, links and devices are only in the
 * header, but are checked too. The package is valid only when the iteration has ended, because missing files and a
 * wrong digest show at the end. Throws PACKAGE_INVALID naming the file and the problem.
 */
export async function* readPayload(
  pkg: RpmPackage,
  { signal, isTrusted = false }: PayloadOptions = {},
): AsyncGenerator<PayloadFile> {
  const refuse = refusePackage(pkg.path);
  const { digest: _verified, ...unverified } = pkg.payload;
  const payload = isTrusted ? unverified : pkg.payload;
  const bytes = decompressPayload(pkg.path, payload, refuse, signal);
  yield* matchPayload(pkg.files, bytes, refuse);
}

/** As readPayload, for an archive that is already decompressed. */
export async function* matchPayload(
  files: readonly RpmFile[],
  archive: AsyncIterable<Buffer>,
  refuse: Refuse,
): AsyncGenerator<PayloadFile> {
  const matcher = new Matcher(files, refuse);
  for await (const entry of readCpio(archive, (index) => matcher.strippedSize(index), refuse)) {
    const links = matcher.take(entry);
    if (links) yield { links, content: verified(links[0], entry.content, refuse) };
    else if (entry.size > 0) await matcher.checkLink(entry);
  }
  matcher.finish();
}

/** As rpm does when it unpacks: content that differs from the header is an error, at its last byte. */
async function* verified(
  file: RpmFile,
  content: AsyncIterable<Buffer>,
  refuse: Refuse,
): AsyncGenerator<Buffer> {
  const hash = file.digest && createHash(file.digest.algorithm);
  for await (const piece of content) {
    hash?.update(piece);
    yield piece;
  }
  if (hash && hash.digest('hex') !== file.digest?.hex) {
    throw refuse(`has a payload in which ${showBytes(file.path)} does not match its digest`);
  }
}

class Matcher {
  private readonly files: readonly RpmFile[];
  private readonly refuse: Refuse;
  private readonly byPath: ReadonlyMap<ByteString, RpmFile>;
  private readonly sets: ReadonlyMap<RpmFile, RpmFile[]>;
  private readonly seen = new Set<RpmFile>();
  /** Sets of hard links whose content was read. */
  private readonly delivered = new Set<RpmFile[]>();
  private current: RpmFile | undefined;

  constructor(files: readonly RpmFile[], refuse: Refuse) {
    this.files = files;
    this.refuse = refuse;
    this.byPath = new Map(files.map((file) => [file.path, file]));
    this.sets = hardLinkSets(files, refuse);
  }

  /**
   * Stripped entries lack their size: that of a link is its target's, and only the last of a set of hard links has
   * content.
   */
  strippedSize(index: number): number {
    const file = this.files[index];
    if (!file) throw this.refuse(`has a payload entry for file ${index}, which its header does not list`);
    const type = file.mode & fileType.mask;
    if (type === fileType.link) return file.size;
    if (type !== fileType.regular) return 0;
    const set = this.sets.get(file);
    return set && set.at(-1) !== file ? 0 : file.size;
  }

  /** Marks the entry's file as seen; returns all its names if this entry has the content. */
  take(entry: CpioEntry): [RpmFile, ...RpmFile[]] | undefined {
    const file = this.fileOf(entry);
    const shown = showBytes(file.path);
    if (this.seen.has(file)) throw this.refuse(`has ${shown} twice in its payload`);
    this.seen.add(file);
    this.current = file;
    const type = file.mode & fileType.mask;
    if (entry.mode !== undefined && (entry.mode & fileType.mask) !== type) {
      throw this.refuse(`has ${shown} as another type of file in its payload than in its header`);
    }
    const set = this.sets.get(file);
    if (set && type === fileType.regular) return this.takeLink(entry, file, set);
    const expected = type === fileType.regular || type === fileType.link ? file.size : 0;
    if (entry.size !== expected) {
      throw this.refuse(`has ${shown} with ${entry.size} bytes in its payload, ${expected} in its header`);
    }
    return type === fileType.regular ? [file] : undefined;
  }

  /** One entry of a set has the content, usually the last; the others are empty. */
  private takeLink(entry: CpioEntry, file: RpmFile, set: RpmFile[]): [RpmFile, ...RpmFile[]] | undefined {
    const last = set.every((link) => this.seen.has(link));
    if (entry.size === 0 && (file.size > 0 || !last)) return undefined;
    if (entry.size !== file.size || this.delivered.has(set)) {
      throw this.refuse(`has hard links of different content: ${showBytes(file.path)}`);
    }
    this.delivered.add(set);
    return set as [RpmFile, ...RpmFile[]];
  }

  /** The content of a symbolic link repeats its target. */
  async checkLink(entry: CpioEntry): Promise<void> {
    const { current } = this;
    if (current?.linkTarget === undefined || entry.size !== current.linkTarget.length) {
      throw this.refuse(`has a symbolic link of another size in its payload`);
    }
    const pieces: Buffer[] = [];
    for await (const piece of entry.content) pieces.push(piece);
    if (Buffer.concat(pieces).toString('latin1') !== current.linkTarget) {
      throw this.refuse(
        `has ${showBytes(current.path)} with another target in its payload than in its header`,
      );
    }
  }

  finish(): void {
    for (const file of this.files) {
      if (!file.flags.ghost && !this.seen.has(file)) {
        throw this.refuse(`lacks ${showBytes(file.path)} in its payload`);
      }
      const set = this.sets.get(file);
      if (set && !this.delivered.has(set)) {
        throw this.refuse(`lacks the content of ${showBytes(file.path)} in its payload`);
      }
    }
  }

  private fileOf(entry: CpioEntry): RpmFile {
    if (entry.index !== undefined) {
      const file = this.files[entry.index];
      if (file) return file;
    }
    const name = entry.name ?? ('' as ByteString);
    const file = this.byPath.get(name.replace(/^\.?\//, '') as ByteString);
    if (!file) throw this.refuse(`has ${showBytes(name)} in its payload, which its header does not list`);
    return file;
  }
}
