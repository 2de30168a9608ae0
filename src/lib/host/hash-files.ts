/** Digests of many files of a tree, read by native threads: in JavaScript each file costs more than its content. */
import { availableParallelism } from 'node:os';
import { native } from './native.ts';
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
  const list = Buffer.from(paths.map((path) => `${path}\0`).join(''), 'latin1');
  const digests = await native().hashFiles(root, list, algorithms, availableParallelism());
  const width = algorithms.length;
  return paths.map((_, index) => digests.slice(index * width, (index + 1) * width));
}
