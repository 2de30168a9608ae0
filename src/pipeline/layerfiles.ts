/** Which layer holds each regular file of an image, read from the layers themselves, whoever made them. */
import { createHash } from 'node:crypto';
import type { Digest } from '../content/digest.ts';
import { MillinerError } from '../errors.ts';
import { showBytes, type ByteString } from '../host/paths.ts';
import type { ImageLayer } from '../image/image.ts';
import { decompressed } from '../layer/compress.ts';
import { isRegular, type Tree } from '../layer/tree.ts';
import { readTar } from '../layer/untar.ts';
import type { Context } from './context.ts';
import { obtain } from './exchange.ts';

/** Hexadecimal digests of the content, and the diffID of the layer. */
export interface HeldFile {
  sha1: string;
  sha256: string;
  layer: string;
}

/**
 * By the path in the tree, which the layers show: of what several have, the highest is the one. Deletions need no
 * reading: what is deleted is not in the tree. Throws LAYERS_DIFFER where the tree has a file that no layer holds.
 */
export async function filesInLayers(
  context: Context,
  tree: Tree,
  layers: readonly ImageLayer[],
): Promise<Map<ByteString, HeldFile>> {
  const highest = new Map<ByteString, HeldFile>();
  for (const layer of layers) await readLayer(context, layer, highest);
  const held = new Map<ByteString, HeldFile>();
  for (const entry of tree.values()) {
    if (!isRegular(entry)) continue;
    const found = highest.get(entry.path);
    if (found === undefined || found.sha256 !== entry.sha256) throw differs(entry.path);
    held.set(entry.path, found);
  }
  return held;
}

async function readLayer(
  context: Context,
  { digest, mediaType, diffID: layer }: ImageLayer,
  found: Map<ByteString, HeldFile>,
): Promise<void> {
  await obtain(context, digest as Digest);
  const blob = await context.content.openVerified(digest as Digest);
  const tar = decompressed(blob, mediaType);
  if (!tar) throw new MillinerError('LAYERS_DIFFER', `the layer ${digest} is of no known type: ${mediaType}`);
  try {
    await readTar(tar, async ({ path, type, linkTarget }, content) => {
      context.signal?.throwIfAborted();
      if (type === 'file') found.set(plain(path), { ...(await digestsOf(content)), layer });
      // A second name of a file, which may be of a layer below.
      const first = type === 'link' && linkTarget !== undefined ? found.get(plain(linkTarget)) : undefined;
      if (first) found.set(plain(path), { ...first, layer });
    });
  } finally {
    blob.destroy();
    tar.destroy();
  }
}

async function digestsOf(content: AsyncIterable<Buffer>): Promise<Pick<HeldFile, 'sha1' | 'sha256'>> {
  const [sha1, sha256] = [createHash('sha1'), createHash('sha256')];
  for await (const piece of content) {
    sha1.update(piece);
    sha256.update(piece);
  }
  return { sha1: sha1.digest('hex'), sha256: sha256.digest('hex') };
}

/** As a tree has it; other builders write `./etc/passwd`. */
function plain(path: ByteString): ByteString {
  return path
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .join('/') as ByteString;
}

function differs(path: ByteString): MillinerError {
  const shown = `/${showBytes(path)}`;
  return new MillinerError('LAYERS_DIFFER', `no layer of the image holds ${shown} as its tree has it`, {
    details: { path: shown },
  });
}
