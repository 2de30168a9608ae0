/**
 * A frame: the files of a package as compressed tar members, without directories. It is compressed once, and
 * concatenated into the layer that the package belongs to. Its bytes depend only on its key.
 */
import { createHash } from 'node:crypto';
import { readPayload } from '../../../lib/rpm/payload.ts';
import type { Compression } from '../compress/compress.ts';
import { tarEntry } from '../tar/entry.ts';
import type { TarMember } from '../tar/writer.ts';
import { isRegular, type TreeEntry } from '../tree.ts';
import { filesOf, type PredictedPackage } from './predict.ts';

/** Increase it with every change of the format below, or of the tar headers. */
const format = 2;

/** Hexadecimal. Frames with the same key have the same bytes. */
export function frameKey({ sha256, places }: PredictedPackage, { kind, level }: Compression): string {
  const { zstd, zlib } = process.versions;
  // Other attributes of files are in the header, which the package's digest covers.
  const all = [format, kind, level, kind === 'gzip' ? zlib : zstd, sha256, places];
  return createHash('sha256').update(JSON.stringify(all)).digest('hex');
}

/** Files in the payload's order, verified against the header's digests. Throws PACKAGE_INVALID. */
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

/** The directories of a layer with their final attributes; they come before the frames. */
export function* directoryMembers(directories: Iterable<TreeEntry>): Generator<TarMember> {
  for (const entry of directories) yield { entry: tarEntry(entry) };
}
