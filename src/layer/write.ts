/** Writes a layer: tar, digest of the tar, compression, digest of the blob, all in one pass over the files. */
import { createHash, type Hash } from 'node:crypto';
import { createReadStream, readFileSync } from 'node:fs';
import { Readable, Transform } from 'node:stream';
import { constants, createGzip, createZstdCompress } from 'node:zlib';
import { MillinerError } from '../errors.ts';
import { below, showBytes, type ByteString } from '../host/paths.ts';
import type { Changes } from './changes.ts';
import { endOfArchive, padding, tarHeader, type TarEntry, type TarType } from './tar.ts';
import { isRegular, parentOf, type TreeEntry } from './tree.ts';

export interface Compression {
  kind: 'zstd' | 'gzip';
  level: number;
}

export const mediaTypes: Record<Compression['kind'], string> = {
  zstd: 'application/vnd.oci.image.layer.v1.tar+zstd',
  gzip: 'application/vnd.oci.image.layer.v1.tar+gzip',
};

export interface LayerStream {
  /** The compressed bytes of the blob. */
  blob: Readable;
  /** Digest of the uncompressed tar; settled when the blob has been read to its end. */
  diffId(): string;
}

/** Every regular file's sha256 is put into its entry as it is read. */
export function layerStream(root: string, changes: Changes, compression: Compression): LayerStream {
  const hash = createHash('sha256');
  const tar = Readable.from(tarChunks(root, changes), { objectMode: false });
  const hashing = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      done(null, chunk);
    },
  });
  const compressor = compressorOf(compression);
  tar.on('error', (error) => compressor.destroy(error));
  const blob = tar.pipe(hashing).pipe(compressor);
  blob.on('close', () => tar.destroy());
  let digest: string | undefined;
  return { blob, diffId: () => (digest ??= `sha256:${hash.digest('hex')}`) };
}

/** No worker threads inside zstd: they give other bytes. */
function compressorOf({ kind, level }: Compression) {
  if (kind === 'gzip') return createGzip({ level, chunkSize: 256 * 1024 });
  return createZstdCompress({
    chunkSize: 256 * 1024,
    params: { [constants.ZSTD_c_compressionLevel]: level, [constants.ZSTD_c_checksumFlag]: 1 },
  });
}

/** Small pieces are gathered into chunks of about this size; larger files are read in pieces of it. */
const chunkSize = 512 * 1024;

async function* tarChunks(root: string, { entries, deleted }: Changes): AsyncGenerator<Buffer> {
  const whiteouts = Map.groupBy(deleted, parentOf);
  const firstNames = new Map<bigint, TreeEntry>();
  let gathered: Buffer[] = [];
  let size = 0;
  for (const entry of entries) {
    for await (const piece of entryPieces(root, entry, firstNames, whiteouts.get(entry.path) ?? [])) {
      gathered.push(piece);
      size += piece.length;
      if (size < chunkSize) continue;
      yield Buffer.concat(gathered);
      gathered = [];
      size = 0;
    }
  }
  yield Buffer.concat([...gathered, endOfArchive]);
}

async function* entryPieces(
  root: string,
  entry: TreeEntry,
  firstNames: Map<bigint, TreeEntry>,
  deleted: ByteString[],
): AsyncGenerator<Buffer> {
  const first = isRegular(entry) && entry.links > 1 ? firstNames.get(entry.inode) : undefined;
  yield tarHeader(tarEntry(entry, first?.path));
  if (first?.sha256 !== undefined) entry.sha256 = first.sha256;
  if (isRegular(entry) && first === undefined) {
    if (entry.links > 1) firstNames.set(entry.inode, entry);
    yield* fileContent(root, entry);
  }
  for (const gone of deleted) yield tarHeader(whiteout(gone));
}

/** A file that is not as long as it was when the tree was walked would shift every byte after it. */
async function* fileContent(root: string, entry: TreeEntry): AsyncGenerator<Buffer> {
  const hash: Hash = createHash('sha256');
  let total = 0;
  for await (const piece of filePieces(below(root, entry.path), entry.size)) {
    hash.update(piece);
    total += piece.length;
    yield piece;
  }
  if (total !== entry.size) {
    throw new MillinerError('INTERNAL', `/${showBytes(entry.path)} changed while its layer was written`);
  }
  entry.sha256 = hash.digest('hex');
  yield padding(entry.size);
}

/** Most files are small and in the page cache, where a plain read costs a tenth of a stream. */
function filePieces(path: Buffer, size: number): Iterable<Buffer> | AsyncIterable<Buffer> {
  if (size === 0) return [];
  return size <= chunkSize ? [readFileSync(path)] : createReadStream(path, { highWaterMark: chunkSize });
}

const types: Record<number, TarType> = {
  0o100000: 'file',
  0o120000: 'symlink',
  0o020000: 'character',
  0o060000: 'block',
  0o040000: 'directory',
  0o010000: 'fifo',
};

function tarEntry(entry: TreeEntry, firstName: ByteString | undefined): TarEntry {
  const type = firstName === undefined ? types[entry.mode & 0o170000] : 'link';
  if (!type) {
    throw new MillinerError(
      'IMAGE_UNREPRESENTABLE',
      `/${showBytes(entry.path)} is a socket, which a layer cannot hold`,
    );
  }
  return {
    path: entry.path === '' ? ('.' as ByteString) : entry.path,
    type,
    mode: entry.mode & 0o7777,
    uid: entry.uid,
    gid: entry.gid,
    size: type === 'file' ? entry.size : 0,
    mtime: entry.mtimeSeconds,
    linkTarget: firstName ?? entry.target,
    deviceMajor: entry.deviceMajor,
    deviceMinor: entry.deviceMinor,
    // A hard link has its inode's attributes; repeating them would only cost bytes.
    xattrs: firstName === undefined ? entry.xattrs : undefined,
  };
}

/** OCI image layer specification: an empty file .wh.NAME deletes NAME of the layers below. */
function whiteout(path: ByteString): TarEntry {
  const parent = parentOf(path);
  const name = path.slice(parent === '' ? 0 : parent.length + 1);
  const place = parent === '' ? '' : `${parent}/`;
  return {
    path: `${place}.wh.${name}` as ByteString,
    type: 'file',
    mode: 0,
    uid: 0,
    gid: 0,
    size: 0,
    mtime: 0,
  };
}
