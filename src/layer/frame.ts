/**
 * A package's part of a layer: its files as a tar stream without directories and without an end, compressed once
 * and laid into whatever layer the package belongs to. Which bytes it has depends on its key and on nothing else.
 */
import { createHash } from 'node:crypto';
import { readPayload } from '../rpm/payload.ts';
import type { Compression } from './compress.ts';
import { entryHeader } from './entry.ts';
import type { PredictedPackage } from './predict.ts';
import { padding } from './tar.ts';
import { isRegular, type TreeEntry } from './tree.ts';

/** Raised with every change of what is written below, or of the tar headers. */
const format = 1;

/** Hex. Two frames of one key have the same bytes. */
export function frameKey({ sha256, files }: PredictedPackage, { kind, level }: Compression): string {
  const { zstd, zlib } = process.versions;
  const hash = createHash('sha256');
  hash.update(JSON.stringify([format, kind, level, kind === 'zstd' ? zstd : zlib, sha256]));
  // The header, which the digest stands for, says the rest of a file.
  for (const { entry, index } of files)
    hash.update(JSON.stringify([index, entry.path, entry.uid, entry.gid]));
  return hash.digest('hex');
}

/** Files come as the payload has them, each checked against the header's digest. Throws PACKAGE_INVALID. */
export async function* frameTar(one: PredictedPackage, signal?: AbortSignal): AsyncGenerator<Buffer> {
  const entries = new Map(one.files.map(({ file, entry }) => [file, entry]));
  for (const { entry } of one.files) if (!isRegular(entry)) yield entryHeader(entry);
  for await (const { links, content } of readPayload(one.package, signal)) {
    const names = links.flatMap((file) => entries.get(file) ?? []);
    const [first, ...others] = names;
    if (!first) continue;
    yield entryHeader(first);
    yield* content;
    yield padding(first.size);
    for (const other of others) yield entryHeader(other, first.path);
  }
}

/** The directories of a layer, with the attributes that they have in the end: the part before all packages'. */
export function* directoryTar(directories: Iterable<TreeEntry>): Generator<Buffer> {
  for (const entry of directories) yield entryHeader(entry);
}
