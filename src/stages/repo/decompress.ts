/** Metadata files, decompressed as they are read, each by a confined program: its decoder may have holes. */
import { createReadStream } from 'node:fs';
import { extname, resolve } from 'node:path';
import { MillinerError } from '../../lib/errors/error.ts';
import { confinementFailed, startConfined } from '../../lib/host/confined.ts';
import { commandFailed, endGroup } from '../../lib/host/exec.ts';
import { isOfFrames } from '../../lib/host/zstd.ts';

const pieceSize = 256 * 1024;

/**
 * xz and zstd are told how much memory a file may ask for (zstd's is the largest window that readers have to take);
 * gzip and bzip2 never need more than 4 MiB.
 */
const programs: Readonly<Record<string, readonly [string, ...string[]]>> = {
  '.gz': ['gzip', '--decompress', '--stdout', '--'],
  '.zst': ['zstd', '--decompress', '--stdout', '--quiet', '--memory=128MiB', '--'],
  '.xz': ['xz', '--decompress', '--stdout', '--memlimit=256MiB', '--'],
  '.bz2': ['bzip2', '--decompress', '--stdout', '--'],
};

/**
 * The ending of the path tells the compression. Ending the iteration early ends what it started. Throws REPO_INVALID
 * for what cannot be decompressed and for more than maxBytes, and HOST_MISSING without the program.
 */
export async function* decompressed(
  path: string,
  maxBytes: number,
  signal?: AbortSignal,
): AsyncGenerator<Buffer> {
  let total = 0;
  for await (const piece of open(path, signal)) {
    if (signal?.aborted) throw new MillinerError('INTERRUPTED', `reading ${path} was stopped`);
    total += piece.length;
    if (total > maxBytes) {
      throw new MillinerError('REPO_INVALID', `${path} is larger than ${maxBytes} bytes when decompressed`);
    }
    yield piece;
  }
}

function open(path: string, signal: AbortSignal | undefined): AsyncIterable<Buffer> {
  const program = programs[extname(path)];
  if (program) return throughProgram(path, program, signal);
  return createReadStream(path, { highWaterMark: pieceSize }) as AsyncIterable<Buffer>;
}

async function* throughProgram(
  path: string,
  [program, ...options]: readonly [string, ...string[]],
  signal: AbortSignal | undefined,
): AsyncGenerator<Buffer> {
  const file = resolve(path);
  // zstd would hand what stands there in another format to decoders that its bound of memory is not for.
  if (program === 'zstd' && !(await isZstd(file, path))) throw corrupt(path, new Error('not a zstd frame'));
  const args = [...options, file];
  const child = startConfined(program, args, { reads: [file] }, { signal });
  try {
    yield* child.stdout as AsyncIterable<Buffer>;
    const result = await child;
    if (result.exitCode === 0) return;
    const failure = commandFailed(program, args, result);
    const other = failure.code === 'COMMAND_FAILED' ? confinementFailed(result) : failure;
    throw other ?? corrupt(path, failure);
  } finally {
    endGroup(child);
  }
}

async function isZstd(file: string, path: string): Promise<boolean> {
  return isOfFrames(createReadStream(file)).catch((cause: unknown) => {
    throw corrupt(path, cause);
  });
}

function corrupt(path: string, cause: unknown): MillinerError {
  return new MillinerError('REPO_INVALID', `${path} cannot be decompressed`, { cause });
}
