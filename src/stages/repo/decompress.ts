/** Decompresses metadata files while they are read, each in a confined program, because a decoder may have bugs. */
import { createReadStream } from 'node:fs';
import { extname, resolve } from 'node:path';
import { MillinerError } from '../../lib/errors/error.ts';
import { confinementFailed, startConfined } from '../../lib/host/confined.ts';
import { commandFailed, endGroup } from '../../lib/host/exec.ts';
import { isOfFrames } from '../../lib/host/zstd.ts';

const pieceSize = 256 * 1024;

/**
 * Memory limits for xz and zstd (for zstd the largest window that decoders must support); gzip and bzip2 never need
 * more than 4 MiB.
 */
const programs: Readonly<Record<string, readonly [string, ...string[]]>> = {
  '.gz': ['gzip', '--decompress', '--stdout', '--'],
  '.zst': ['zstd', '--decompress', '--stdout', '--quiet', '--memory=128MiB', '--'],
  '.xz': ['xz', '--decompress', '--stdout', '--memlimit=256MiB', '--'],
  '.bz2': ['bzip2', '--decompress', '--stdout', '--'],
};

/**
 * The file's extension selects the program. Ending the iteration early ends the program. Throws REPO_INVALID for
 * invalid data and for more than maxBytes, and HOST_MISSING if the program is missing.
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
  // zstd would pass other formats to decoders that its memory limit does not apply to.
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
