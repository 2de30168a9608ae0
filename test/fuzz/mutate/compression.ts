/** Documents as repositories compress them, and damage to the compressed stream itself. */
import { execFileSync } from 'node:child_process';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { pick, type Random } from '../../helpers/random.ts';
import { damage } from './bytes.ts';

const program = (name: string) => (bytes: Buffer) =>
  execFileSync(name, ['--stdout'], { input: bytes, maxBuffer: 1 << 28 });

/** By the ending of a file's name. Node lacks xz and bzip2: a process for each, so that they come less often. */
const compressors: [ending: string, compress: (bytes: Buffer) => Buffer][] = [
  ['', (bytes) => bytes],
  ['', (bytes) => bytes],
  ['', (bytes) => bytes],
  ['.gz', (bytes) => gzipSync(bytes)],
  ['.gz', (bytes) => gzipSync(bytes)],
  ['.zst', (bytes) => zstdCompressSync(bytes)],
  ['.zst', (bytes) => zstdCompressSync(bytes)],
  ['.xz', program('xz')],
  ['.bz2', program('bzip2')],
];

export interface Compressed {
  ending: string;
  bytes: Buffer;
}

/** The damaged document in a sound stream, or the sound document in a damaged one. */
export function compressed(sound: Buffer, mutated: () => Buffer, random: Random): Compressed {
  const [ending, compress] = pick(random, compressors);
  if (ending === '' || random(3) > 0) return { ending, bytes: compress(mutated()) };
  return { ending, bytes: damage(compress(sound), random) };
}
