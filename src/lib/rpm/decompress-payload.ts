/**
 * The bytes of a payload, decompressed: gzip and zstd by Node, what Node lacks by rpm2cpio. Not everything by
 * rpm2cpio, for it refuses packages with LONGFILESIZES: all of format 6, and those with files over 4 GiB.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pipeline, Readable, type Duplex } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { MillinerError } from '../errors/error.ts';
import { frameByFrame } from '../host/zstd.ts';
import type { Refuse } from './header.ts';
import type { Payload } from './package.ts';

/** Compressors that Node lacks. */
const rpmOnly = ['xz', 'lzma', 'bzip2'];

const maxPieceBytes = 1024 * 1024;

/**
 * Decompresses while it is read, in bounded memory; ending the iteration early ends what it started. Where the
 * header has a digest of the payload, the last step fails unless it is right. Throws PACKAGE_INVALID, and
 * HOST_MISSING where rpm2cpio is needed and not installed.
 */
export async function* decompressPayload(
  path: string,
  payload: Payload,
  refuse: Refuse,
  signal?: AbortSignal,
): AsyncGenerator<Buffer> {
  const compressor = payload.compressor || (await sniff(path, payload.offset));
  // A small payload is not worth large buffers: what comes out of it is a few times as much.
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

/** The compressed bytes; the digest is compared once the last of them has been read. */
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
    // The decompressor may stop at the end of its data; the digest is over all of the file.
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
  // Only here: to load what starts programs takes a confined reader longer than all else that it needs.
  const { confinementFailed, startConfined } = await import('../host/confined.ts');
  const { commandFailed, endGroup } = await import('../host/exec.ts');
  // Absolute: rpm takes a leading dash for an option and a lone one for standard input.
  const args = [resolve(path)];
  const child = startConfined('rpm2cpio', args, { reads: args }, { signal });
  try {
    try {
      yield* child.stdout as AsyncIterable<Buffer>;
    } catch {
      // The pipe was closed from our side; the result says why.
      throw commandFailed('rpm2cpio', args, await child);
    }
    const result = await child;
    // Of one that died there bubblewrap gives 128 and the signal's number.
    if (result.exitCode === undefined || result.exitCode > 128) throw commandFailed('rpm2cpio', args, result);
    // It also fails, without a word, where ARCHIVESIZE is wrong, which rpm itself does not look at.
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

/** rpm reads a payload without a named compressor as gzip, whose reader passes plain bytes through. */
async function sniff(path: string, offset: number): Promise<'gzip' | 'none'> {
  const handle = await open(path, 'r');
  try {
    const { buffer } = await handle.read(Buffer.alloc(2), 0, 2, offset);
    return buffer.readUInt16BE(0) === 0x1f8b ? 'gzip' : 'none';
  } finally {
    await handle.close();
  }
}
