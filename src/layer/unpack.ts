/** Layers from blobs onto trees: decompressed, held to their digest and to a size, and applied. */
import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { decompressed } from './compress.ts';
import { LayerTree, type TreeRules } from './layertree.ts';
import { invalid } from './tarheader.ts';
import { readTar } from './untar.ts';

export interface UnpackOptions extends TreeRules {
  /** Of the tar stream, as the image's configuration has it. */
  diffID?: string | undefined;
  /** Of the tar stream. */
  mostBytes?: number | undefined;
}

/** Throws LAYER_INVALID, and what the file system throws for want of space. */
export async function unpackLayer(
  root: string,
  blob: Readable,
  mediaType: string,
  options: UnpackOptions = {},
): Promise<void> {
  const tar = decompressed(blob, mediaType);
  if (!tar) throw invalid(`its media type is ${mediaType}`);
  try {
    await unpackTar(root, tar, options);
  } catch (error) {
    throw /^(?:ERR_ZLIB|Z_|ERR_ZSTD|ZSTD)/.test((error as NodeJS.ErrnoException).code ?? '')
      ? invalid((error as Error).message)
      : error;
  } finally {
    blob.destroy();
    tar.destroy();
  }
}

/** The same for a stream that is not compressed, or no longer. */
export async function unpackTar(
  root: string,
  tar: AsyncIterable<Buffer>,
  options: UnpackOptions = {},
): Promise<void> {
  const tree = new LayerTree(root, options);
  await readTar(metered(tar, options), (entry, content) => tree.add(entry, content));
  await tree.finish();
}

/** What a bomb unpacks to is never more than the limit, and what counts is only what has the promised digest. */
async function* metered(
  tar: AsyncIterable<Buffer>,
  { mostBytes = Infinity, diffID }: UnpackOptions,
): AsyncGenerator<Buffer> {
  const hash = createHash('sha256');
  let size = 0;
  for await (const piece of tar) {
    size += piece.length;
    if (size > mostBytes) throw invalid(`it unpacks to more than ${mostBytes} bytes`);
    if (diffID !== undefined) hash.update(piece);
    yield piece;
  }
  if (diffID === undefined) return;
  const found = `sha256:${hash.digest('hex')}`;
  if (found !== diffID) throw invalid(`it unpacks to ${found}, not to ${diffID}`);
}
