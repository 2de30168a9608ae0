/**
 * Decompresses payloads: gzip and zstd with Node, the compressors that Node lacks with rpm2cpio. rpm2cpio cannot do
 * all, because it refuses packages with LONGFILESIZES: every package of format 6, and those with files over 4 GiB.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pipeline, Readable, type Duplex } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { MillinerError } from '../../../src/lib/errors/error.ts';
import { frameByFrame } from '../../../src/lib/host/zstd.ts';
import type { Refuse } from '../../../src/lib/rpm/header.ts';
import type { Payload } from '../../../src/lib/rpm/package.ts';

/** Compressors that Node lacks. */
const rpmOnly = ['xz', 'lzma', 'bzip2'];

const maxPieceBytes = 1024 * 1024;

/**
 * Decompresses while it is read, in bounded memory; ending the iteration early ends the processes that it started. If
 * the header has a digest of the payload, the last step fails unless it matches. Throws PACKAGE_INVALID, and
 * HOST_MISSING if rpm2cpio is needed and not installed.
 */
export async function* decompressPayload(
  path: string,
  payload: Payload,
  refuse: Refuse,
  signal?: AbortSignal,
): AsyncGenerator<Buffer> {
  const compressor = payload.compressor || (await sniff(path, payload.offset));
  // Smaller buffers for a small payload, which expands to only a few times its size.
  const pieceSize = Math.min(maxPieceBytes, Math.max(64 * 1024, 4 * payload.size));
  const raw = Readable.from(verified(path, payload, refuse), { objectMode: false });
  try {
    if (compressor === 'none') yield* raw as AsyncIterable<Buffer>;
    else if (compressor === 'gzip') yield* through(raw, createGunzip({ chunkSize: pieceSize }), refuse);
    else if (compressor === 'zstd')
      yield* through(framesOf(raw), createZstdDecompress({ chunkSize: pieceSize }), refuse);
    else if (!rpmOnly.includes(compressor)) throw refuse(`has the unknown payload compressor ${compressor}`);
    else yield* throughRpm(path, raw, refuse, signal);
    if (signal?.aborted) throw new MillinerError('INTERRUPTED', `reading ${path} was stopped`);
  } finally {
    raw.destroy();
  }
}

/** The compressed bytes; the digest is compared after the last of them. */
async function* verified(path: string, payload: Payload, refuse: Refuse): AsyncGenerator<Buffer> {
  const { digest, offset, size } = payload;
  const hash = digest && createHash(digest.algorithm);
  if (size === 0) throw refuse('has no payload');
  const stream = createReadStream(path, {
    start: offset,
    end: offset + size - 1,
    highWaterMark: maxPieceBytes,
  });
  for await (const piece of stream as AsyncIterable<Buffer>) {
    hash?.update(piece);
    yield piece;
  }
  if (hash && hash.digest('hex') !== digest?.hex)
    throw refuse('has a payload that does not match its digest');
}

async function* through(raw: Readable, transform: Duplex, refuse: Refuse): AsyncGenerator<Buffer> {
  // An error of either stream destroys both, and the iteration then throws it.
  pipeline(raw, transform, () => undefined);
  try {
    yield* transform as AsyncIterable<Buffer>;
    // The decompressor may stop at the end of its data, but the digest covers the whole file.
    for await (const _ of raw);
  } catch (error) {
    throw error instanceof MillinerError ? error : corrupt(error, refuse);
  } finally {
    transform.destroy();
  }
}

const framesOf = (raw: Readable) => Readable.from(frameByFrame(raw), { objectMode: false });

async function* throughRpm(
  path: string,
  raw: Readable,
  refuse: Refuse,
  signal: AbortSignal | undefined,
): AsyncGenerator<Buffer> {
  // Imported only here: loading the modules that start programs takes a confined reader longer than everything else.
  const { confinementFailed, startConfined } = await import('../../../src/lib/host/confined.ts');
  const { commandFailed, endGroup } = await import('../../../src/lib/host/exec.ts');
  // Absolute, because rpm takes a leading dash for an option and a lone one for standard input.
  const args = [resolve(path)];
  const child = startConfined('rpm2cpio', args, { reads: args }, { signal });
  try {
    try {
      yield* child.stdout as AsyncIterable<Buffer>;
    } catch {
      // This process closed the pipe; the result has the reason.
      throw commandFailed('rpm2cpio', args, await child);
    }
    const result = await child;
    // If the program was killed inside, bubblewrap exits with 128 plus the signal's number.
    if (result.exitCode === undefined || result.exitCode > 128) throw commandFailed('rpm2cpio', args, result);
    // rpm2cpio also fails, without a message, if ARCHIVESIZE is wrong, which rpm itself ignores.
    if (result.exitCode !== 0 && result.stderr !== '') {
      const failure = commandFailed('rpm2cpio', args, result);
      throw confinementFailed(result) ?? corrupt(failure, refuse);
    }
    for await (const _ of raw);
  } finally {
    endGroup(child);
  }
}

function corrupt(cause: unknown, refuse: Refuse): MillinerError {
  return refuse(`has a corrupt payload (${cause instanceof Error ? cause.message : String(cause)})`);
}

/** rpm reads a payload without a named compressor as gzip, and its gzip reader passes plain bytes through. */
async function sniff(path: string, offset: number): Promise<'gzip' | 'none'> {
  const handle = await open(path, 'r');
  try {
    const { buffer } = await handle.read(Buffer.alloc(2), 0, 2, offset);
    return buffer.readUInt16BE(0) === 0x1f8b ? 'gzip' : 'none';
  } finally {
    await handle.close();
  }
}
