/**
 * A package's part of a layer: its files as parts of a tar stream, without directories, compressed once
 * and laid into whatever layer the package belongs to. Which bytes it has depends on its key and on nothing else.
 */
import { createHash } from 'node:crypto';
import { readPayload } from '../../../lib/rpm/payload.ts';
import type { Compression } from '../compress/compress.ts';
import { tarEntry } from '../tar/entry.ts';
import type { TarMember } from '../tar/writer.ts';
import { isRegular, type TreeEntry } from '../tree.ts';
import { filesOf, type PredictedPackage } from './predict.ts';

/** Raised with every change of what is written below, or of the tar headers. */
const format = 2;

/** Hex. Two frames of one key have the same bytes. */
export function frameKey({ sha256, places }: PredictedPackage, { kind, level }: Compression): string {
  const { zstd, zlib } = process.versions;
  // The header, which the package's digest stands for, says the rest of each file.
  const all = [format, kind, level, kind === 'gzip' ? zlib : zstd, sha256, places];
  return createHash('sha256').update(JSON.stringify(all)).digest('hex');
}

/** Files come as the payload has them, held to the header's digests. Throws PACKAGE_INVALID. */
export async function* frameMembers(
  one: Pick<PredictedPackage, 'package' | 'places'>,
  signal?: AbortSignal,
): AsyncGenerator<TarMember> {
  const files = filesOf(one);
  const entries = new Map(files.map(({ file, entry }) => [file, entry]));
  for (const { entry } of files) if (!isRegular(entry)) yield { entry: tarEntry(entry) };
  for await (const { links, content } of readPayload(one.package, { signal, isTrusted: true })) {
    const [first, ...others] = links.flatMap((file) => entries.get(file) ?? []);
    if (!first) continue;
    yield { entry: tarEntry(first), content };
    for (const other of others) yield { entry: tarEntry(other, first.path) };
  }
}

/** The directories of a layer, with the attributes that they have in the end: the part before all packages'. */
export function* directoryMembers(directories: Iterable<TreeEntry>): Generator<TarMember> {
  for (const entry of directories) yield { entry: tarEntry(entry) };
}
