/**
 * zstd:chunked (containers/storage, docs/containers-storage-zstd-chunked.md): a zstd stream with a table of contents
 * behind the data. A client finds each chunk of each file in it, and fetches only the chunks that it lacks.
 */
import { createHash } from 'node:crypto';
import { MillinerError } from '../../../src/lib/errors/error.ts';
import { bytesOf, showBytes, type ByteString } from '../../../src/lib/host/paths.ts';
import {
  sha256,
  zstdFrame,
  type ChunkIndex,
  type TocEntry,
} from '../../../src/stages/layer/compress/chunked/trailer.ts';
import type { TarEntry, TarType } from '../../../src/stages/layer/tar/tar-entry.ts';
import { padding, tarHeader, type TarMember } from './tar-writer.ts';
import { Crc64 } from '../../../src/stages/layer/compress/chunked/crc64.ts';
import { splitContent } from './split.ts';

const tocTypes: Record<TarType, string> = {
  file: 'reg',
  link: 'hardlink',
  symlink: 'symlink',
  character: 'char',
  block: 'block',
  directory: 'dir',
  fifo: 'fifo',
};

/** Compresses members of a tar stream, and fills in their index. */
export async function* encodeChunked(
  members: AsyncIterable<TarMember> | Iterable<TarMember>,
  level: number,
  index: ChunkIndex,
): AsyncGenerator<Buffer> {
  const frame = (bytes: Buffer): Buffer => {
    const compressed = zstdFrame(bytes, level);
    index.size += compressed.length;
    return compressed;
  };
  const zeros = new Zeros();
  for await (const { entry, content } of members) {
    const header = tarHeader(entry);
    yield frame(header);
    const described = tocEntry(entry);
    index.toc.push(described);
    index.split.push({ type: 2, payload: header.toString('base64') });
    if (!content || entry.size === 0) {
      index.split.push({ type: 1, name: described.name, payload: null });
      continue;
    }
    const crc = new Crc64();
    const digest = createHash('sha256');
    const chunks: TocEntry[] = [];
    described.offset = index.size;
    let done = 0;
    for await (const { bytes, isZeros } of splitContent(content, entry.size)) {
      digest.update(bytes);
      if (isZeros) crc.updateZeros(bytes.length);
      else crc.update(bytes);
      const same = isZeros ? zeros.of(bytes, level) : undefined;
      chunks.push({
        type: 'chunk',
        name: described.name,
        offset: index.size,
        chunkSize: bytes.length,
        ...(done > 0 && { chunkOffset: done }),
        chunkDigest: same?.digest ?? sha256(bytes),
        ...(isZeros && { chunkType: 'zeros' }),
      });
      done += bytes.length;
      if (same) index.size += same.frame.length;
      yield same?.frame ?? frame(bytes);
    }
    described['digest'] = `sha256:${digest.digest('hex')}`;
    described.endOffset = index.size;
    if (chunks.length > 1) {
      const [{ type: _type, name: _name, ...first }, ...others] = chunks as [TocEntry, ...TocEntry[]];
      Object.assign(described, first);
      index.toc.push(...others);
    }
    index.split.push({
      type: 1,
      name: described.name,
      size: entry.size,
      payload: crc.digest().toString('base64'),
    });
    const rest = padding(entry.size);
    if (rest.length === 0) continue;
    yield frame(rest);
    index.split.push({ type: 2, payload: rest.toString('base64') });
  }
}

/** A hole is a repeated chunk of zeros, which is compressed and summed only once. */
class Zeros {
  #size = 0;
  #last: { frame: Buffer; digest: string } = { frame: Buffer.alloc(0), digest: '' };

  of(bytes: Buffer, level: number) {
    if (this.#size !== bytes.length) this.#last = { frame: zstdFrame(bytes, level), digest: sha256(bytes) };
    this.#size = bytes.length;
    return this.#last;
  }
}

/** Compresses the end of the stream, which belongs to no entry. */
export function encodeEnd(end: Buffer, level: number, index: ChunkIndex): Buffer {
  const compressed = zstdFrame(end, level);
  index.size += compressed.length;
  index.split.push({ type: 2, payload: end.toString('base64') });
  return compressed;
}

/** Empty fields and zeros are omitted, as with Go's omitempty. */
function tocEntry(entry: TarEntry): TocEntry {
  const isDirectory = entry.type === 'directory';
  const fields: Record<string, unknown> = {
    linkName: utf8(entry.linkTarget ?? ('' as ByteString)),
    mode: entry.mode,
    size: entry.size,
    uid: entry.uid,
    gid: entry.gid,
    modtime: new Date(entry.mtime * 1000).toISOString().replace('.000Z', 'Z'),
    devMajor: entry.deviceMajor,
    devMinor: entry.deviceMinor,
    xattrs:
      entry.xattrs &&
      Object.fromEntries(
        Object.entries(entry.xattrs).map(([name, value]) => [
          utf8(name as ByteString),
          value.toString('base64'),
        ]),
      ),
  };
  const present = Object.entries(fields).filter(
    ([, value]) => value !== undefined && value !== 0 && value !== '',
  );
  return {
    type: tocTypes[entry.type],
    name: utf8(isDirectory ? (`${entry.path}/` as ByteString) : entry.path),
    ...Object.fromEntries(present),
  };
}

/** JSON cannot hold other bytes. Throws IMAGE_UNREPRESENTABLE. */
function utf8(path: ByteString): string {
  const bytes = bytesOf(path);
  const text = showBytes(path);
  if (Buffer.from(text, 'utf8').equals(bytes)) return text;
  throw new MillinerError('IMAGE_UNREPRESENTABLE', `/${text} is not UTF-8, and zstd:chunked cannot hold it`, {
    hint: 'Set layers: {compression: zstd} in the recipe.',
  });
}
