/**
 * A frame: the files of a package as compressed tar members, without directories. It is compressed once, and copied
 * into each later layer that the package belongs to. Its bytes depend only on its key.
 */
import { createHash } from 'node:crypto';
import type { Compression } from '../compress/compress.ts';
import { tarEntry } from '../tar/entry.ts';
import type { TreeEntry } from '../tree.ts';
import type { TreeMember } from '../write/segment-bytes.ts';
import type { PredictedPackage } from './predict.ts';

/** Increase it with every change of the format below, or of the tar headers. */
const format = 3;

/** Hexadecimal. Frames with the same key have the same bytes. */
export function frameKey({ sha256, places }: PredictedPackage, { kind, level }: Compression): string {
  const { zstd, zlib } = process.versions;
  // Other attributes of files are in the header, which the package's digest covers.
  const all = [format, kind, level, kind === 'gzip' ? zlib : zstd, sha256, places];
  return createHash('sha256').update(JSON.stringify(all)).digest('hex');
}

/** The directories of a layer with their final attributes; they come before the frames. */
export function* directoryMembers(directories: Iterable<TreeEntry>): Generator<TreeMember> {
  for (const entry of directories) yield { entry: tarEntry(entry) };
}
