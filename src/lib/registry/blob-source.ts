/** Bytes to push: their digest, and a way to read any part of them. */
import { open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { MillinerError } from '../errors/error.ts';
import type { Digest } from '../oci/digest.ts';

export interface BlobSource {
  digest: Digest;
  /** Bytes. */
  size: number;
  /** A file, or the bytes themselves. */
  content: { path: string } | { bytes: Uint8Array };
}

const readBytes = 256 * 1024;

/**
 * The bytes from one offset to another; `onRead` is called with the offset reached. Throws BLOB_MISSING while reading.
 */
export function readPart(
  { content }: BlobSource,
  from: number,
  to: number,
  onRead: (offset: number) => void,
): Uint8Array | Readable {
  if ('bytes' in content) return content.bytes.subarray(from, to);
  return Readable.from(readFile(content.path, from, to, onRead), { objectMode: false });
}

async function* readFile(
  path: string,
  from: number,
  to: number,
  onRead: (offset: number) => void,
): AsyncGenerator<Buffer> {
  const unreadable = (cause: unknown): never => {
    throw new MillinerError('BLOB_MISSING', `${path} cannot be read`, { cause });
  };
  const handle = await open(path).catch(unreadable);
  try {
    for (let done = from; done < to;) {
      const buffer = Buffer.allocUnsafe(Math.min(readBytes, to - done));
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, done).catch(unreadable);
      if (bytesRead === 0) unreadable(new Error('it is shorter than it was'));
      yield buffer.subarray(0, bytesRead);
      done += bytesRead;
      onRead(done);
    }
  } finally {
    await handle.close();
  }
}
