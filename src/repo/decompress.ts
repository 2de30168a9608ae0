/** Metadata files, decompressed as they are read: gzip and zstd by Node, what Node lacks by the programs themselves. */
import { createReadStream } from 'node:fs';
import { extname, resolve } from 'node:path';
import { pipeline, Readable, type Duplex } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { MillinerError } from '../errors.ts';
import { confinementFailed, startConfined } from '../host/confined.ts';
import { commandFailed } from '../host/exec.ts';
import { frameByFrame } from '../host/zstd.ts';

const pieceSize = 256 * 1024;

/** Of compressors that Node lacks. xz is told how much memory a file may ask for; bzip2 never needs more than 4 MiB. */
const programs: Readonly<Record<string, readonly [string, ...string[]]>> = {
  '.xz': ['xz', '--decompress', '--stdout', '--memlimit=256MiB', '--'],
  '.bz2': ['bzip2', '--decompress', '--stdout', '--'],
};

/**
 * The ending of the path tells the compression. Ending the iteration early ends what it started. Throws REPO_INVALID
 * for what cannot be decompressed and for more than maxBytes, and HOST_MISSING without xz or bzip2.
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
  const ending = extname(path);
  const program = programs[ending];
  if (program) return throughProgram(path, program, signal);
  const raw = createReadStream(path, { highWaterMark: pieceSize });
  if (ending === '.gz') return through(path, raw, createGunzip({ chunkSize: pieceSize }));
  if (ending !== '.zst') return raw as AsyncIterable<Buffer>;
  const frames = Readable.from(frameByFrame(raw), { objectMode: false });
  return through(path, frames, createZstdDecompress({ chunkSize: pieceSize }));
}

async function* through(path: string, raw: Readable, transform: Duplex): AsyncGenerator<Buffer> {
  // An error of either stream destroys both, and the iteration then throws it.
  pipeline(raw, transform, () => undefined);
  try {
    yield* transform as AsyncIterable<Buffer>;
  } catch (cause) {
    throw corrupt(path, cause);
  } finally {
    transform.destroy();
  }
}

async function* throughProgram(
  path: string,
  [program, ...options]: readonly [string, ...string[]],
  signal: AbortSignal | undefined,
): AsyncGenerator<Buffer> {
  const file = resolve(path);
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
    child.kill('SIGKILL');
  }
}

function corrupt(path: string, cause: unknown): MillinerError {
  return new MillinerError('REPO_INVALID', `${path} cannot be decompressed`, { cause });
}
