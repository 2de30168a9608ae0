/** Bytes to push: their digest, and a way to read any part of them. */
import { open } from 'node:fs/promises';
import { MillinerError } from '../errors/error.ts';
import type { Digest } from '../oci/digest.ts';

export interface BlobSource {
  digest: Digest;
  /** Bytes. */
  size: number;
  /** A file, or the bytes themselves. */
  content: { path: string } | { bytes: Uint8Array };
}

const readBytes = 1024 * 1024;

/**
 * The bytes from one offset to another; `onRead` is called with each piece of a file and its offset. Throws BLOB_MISSING
 * while reading.
 */
export function readPart(
  { content }: BlobSource,
  from: number,
  to: number,
  onRead: (piece: Uint8Array, offset: number) => void,
): Uint8Array | AsyncIterable<Uint8Array> {
  if ('bytes' in content) return content.bytes.subarray(from, to);
  return readFile(content.path, from, to, onRead);
}

async function* readFile(
  path: string,
  from: number,
  to: number,
  onRead: (piece: Uint8Array, offset: number) => void,
): AsyncGenerator<Buffer> {
  const unreadable = (cause: unknown): never => {
    throw new MillinerError('BLOB_MISSING', `${path} cannot be read`, { cause });
  };
  const handle = await open(path).catch(unreadable);
  // The next piece is requested when the connection has taken this one: new buffers would keep the collector busy.
  const buffers = [0, 1].map(() => Buffer.allocUnsafeSlow(Math.min(readBytes, to - from)));
  try {
    for (let done = from; done < to;) {
      buffers.reverse();
      const [buffer] = buffers as [Buffer];
      const length = Math.min(buffer.length, to - done);
      const { bytesRead } = await handle.read(buffer, 0, length, done).catch(unreadable);
      if (bytesRead === 0) unreadable(new Error('it is shorter than it was'));
      const piece = buffer.subarray(0, bytesRead);
      onRead(piece, done);
      done += bytesRead;
      yield piece;
    }
  } finally {
    await handle.close();
  }
}
