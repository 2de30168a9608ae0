/** Digests of many files of a tree, read by native threads: in JavaScript each file costs more than its content. */
import { availableParallelism } from 'node:os';
import { native, type ScanEntry } from './native.ts';
import type { ByteString } from './paths.ts';

/**
 * For each path the digests of the file's content in the order of the algorithms, in hexadecimal. Paths are relative to
 * root and without links; each names a regular file, or it throws the system's error.
 */
export async function hashFiles(
  root: string,
  paths: readonly ByteString[],
  algorithms: readonly string[],
): Promise<string[][]> {
  const digests = await native().hashFiles(root, listOf(paths), algorithms, availableParallelism(), false);
  const width = algorithms.length;
  return paths.map((_, index) => digests.slice(index * width, (index + 1) * width));
}

export interface StampedDigest {
  sha256: string;
  /** stampOf the file, from before it was read. */
  stamp: string;
}

/** The same for files that may still be changed, or may not be there; those have no digest. */
export async function hashStamped(
  root: string,
  paths: readonly ByteString[],
): Promise<Map<ByteString, StampedDigest>> {
  const found = await native().hashFiles(root, listOf(paths), ['sha256'], availableParallelism(), true);
  const digests = new Map<ByteString, StampedDigest>();
  for (const [index, path] of paths.entries()) {
    const [sha256, stamp] = [found[2 * index]!, found[2 * index + 1]!];
    if (stamp !== '') digests.set(path, { sha256, stamp });
  }
  return digests;
}

/** Another one after any change of the file, as far as the clock has ticked in between. */
export function stampOf({
  inodeNumber,
  ctimeNanoseconds,
}: Pick<ScanEntry, 'inodeNumber' | 'ctimeNanoseconds'>): string {
  return `${inodeNumber} ${ctimeNanoseconds}`;
}

function listOf(paths: readonly ByteString[]): Buffer {
  return Buffer.from(paths.map((path) => `${path}\0`).join(''), 'latin1');
}
