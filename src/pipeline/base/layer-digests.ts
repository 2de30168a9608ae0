/** Computes digests of the files in a layer, in the confined process that reads layers. */
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { MillinerError } from '../../lib/errors/error.ts';
import type { Digest } from '../../lib/oci/digest.ts';
import { copied, verifiedPieces } from '../../stages/content/store.ts';
import { decompressed } from '../../stages/layer/compress/compress.ts';
import { readTar } from '../../stages/layer/tar/reader.ts';

/** A file whose name is its digest. */
interface SourceBlob {
  path: string;
  digest: Digest;
}

/** Asks for the digests of a layer's files. */
export interface DigestTask {
  kind: 'digest';
  blob: SourceBlob;
  mediaType: string;
}

/** Digests in hexadecimal; for a hard link, the path of the first name instead. */
export interface LayerFile {
  path: string;
  sha1?: string | undefined;
  sha256?: string | undefined;
  linkTarget?: string | undefined;
}

/** In the order of the tar stream. Throws LAYER_INVALID, LAYERS_DIFFER, BLOB_CORRUPT. */
export async function fileDigests({ blob, mediaType }: Omit<DigestTask, 'kind'>): Promise<LayerFile[]> {
  const { path: place, digest } = blob;
  await using handle = await open(place, 'r');
  const bytes = Readable.from(copied(verifiedPieces(handle, digest, place)), { objectMode: false });
  const tar = decompressed(bytes, mediaType);
  if (!tar) throw new MillinerError('LAYERS_DIFFER', `the layer ${digest} has an unknown type: ${mediaType}`);
  const found: LayerFile[] = [];
  await readTar(tar, async ({ path, type, linkTarget }, content) => {
    if (type === 'file') found.push({ path, ...(await digestsOf(content)) });
    else if (type === 'link') found.push({ path, linkTarget });
  });
  return found;
}

async function digestsOf(content: AsyncIterable<Buffer>): Promise<{ sha1: string; sha256: string }> {
  const [sha1, sha256] = [createHash('sha1'), createHash('sha256')];
  for await (const piece of content) {
    sha1.update(piece);
    sha256.update(piece);
  }
  return { sha1: sha1.digest('hex'), sha256: sha256.digest('hex') };
}
