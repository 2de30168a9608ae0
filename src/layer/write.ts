/** Writes a layer: tar, digest of the tar, compression, digest of the blob, all in one pass over the files. */
import { createHash, type Hash } from 'node:crypto';
import { createReadStream, readFileSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { MillinerError } from '../errors.ts';
import { below, showBytes, type ByteString } from '../host/paths.ts';
import type { Changes } from './changes.ts';
import { compressed, type Compression } from './compress.ts';
import { entryHeader, whiteoutHeader } from './entry.ts';
import { inChunks } from './gather.ts';
import { endOfArchive, padding } from './tar.ts';
import { isRegular, parentOf, type TreeEntry } from './tree.ts';

export interface LayerStream {
  /** The compressed bytes of the blob. */
  blob: Readable;
  /** Digest of the uncompressed tar; settled when the blob has been read to its end. */
  diffId(): string;
}

/** Every regular file's sha256 is put into its entry as it is read. */
export function layerStream(root: string, changes: Changes, compression: Compression): LayerStream {
  const hash = createHash('sha256');
  async function* hashed() {
    for await (const chunk of inChunks(tarPieces(root, changes))) {
      hash.update(chunk);
      yield chunk;
    }
  }
  let digest: string | undefined;
  return {
    blob: compressed(hashed(), compression),
    diffId: () => (digest ??= `sha256:${hash.digest('hex')}`),
  };
}

async function* tarPieces(root: string, { entries, deleted }: Changes): AsyncGenerator<Buffer> {
  const whiteouts = Map.groupBy(deleted, parentOf);
  const firstNames = new Map<bigint, TreeEntry>();
  for (const entry of entries) {
    yield* entryPieces(root, entry, firstNames, whiteouts.get(entry.path) ?? []);
  }
  yield endOfArchive;
}

async function* entryPieces(
  root: string,
  entry: TreeEntry,
  firstNames: Map<bigint, TreeEntry>,
  deleted: ByteString[],
): AsyncGenerator<Buffer> {
  const first = isRegular(entry) && entry.links > 1 ? firstNames.get(entry.inode) : undefined;
  yield entryHeader(entry, first?.path);
  if (first?.sha256 !== undefined) entry.sha256 = first.sha256;
  if (isRegular(entry) && first === undefined) {
    if (entry.links > 1) firstNames.set(entry.inode, entry);
    yield* fileContent(root, entry);
  }
  for (const gone of deleted) yield whiteoutHeader(gone);
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

const largestWhole = 512 * 1024;

/** Most files are small and in the page cache, where a plain read costs a tenth of a stream. */
function filePieces(path: Buffer, size: number): Iterable<Buffer> | AsyncIterable<Buffer> {
  if (size === 0) return [];
  return size <= largestWhole
    ? [readFileSync(path)]
    : createReadStream(path, { highWaterMark: largestWhole });
}
