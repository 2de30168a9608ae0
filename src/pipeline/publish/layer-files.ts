/** Which layer holds each regular file of an image, read from the layers themselves, whoever made them. */
import { MillinerError } from '../../lib/errors/error.ts';
import { showBytes, type ByteString } from '../../lib/host/paths.ts';
import type { Digest } from '../../lib/oci/digest.ts';
import type { ImageLayer } from '../../stages/image/image.ts';
import { isRegular, type Tree } from '../../stages/layer/tree.ts';
import { withLayerWorkers, type LayerWorkers } from '../base/layer-workers.ts';
import { obtain } from '../state/blob-exchange.ts';
import type { Context } from '../state/context.ts';

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
  await withLayerWorkers(context, layers, async (workers) => {
    for (const layer of layers) await readLayer(context, workers, layer, highest);
  });
  const held = new Map<ByteString, HeldFile>();
  for (const entry of tree.values()) {
    if (!isRegular(entry)) continue;
    const found = highest.get(entry.path);
    if (found === undefined || found.sha256 !== entry.sha256) throw differs(entry.path);
    held.set(entry.path, found);
  }
  return held;
}

/** Hard links too: the other name may be of a layer below. */
async function readLayer(
  context: Context,
  workers: LayerWorkers,
  { digest, mediaType, diffID: layer }: ImageLayer,
  found: Map<ByteString, HeldFile>,
): Promise<void> {
  await obtain(context, digest as Digest);
  for (const { path, sha1, sha256, linkTarget } of await workers.digests(digest as Digest, mediaType)) {
    if (sha1 !== undefined && sha256 !== undefined) found.set(plain(path), { sha1, sha256, layer });
    const first = linkTarget === undefined ? undefined : found.get(plain(linkTarget));
    if (first) found.set(plain(path), { ...first, layer });
  }
}

/** As a tree has it; other builders write `./etc/passwd`. */
function plain(path: string): ByteString {
  return path
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .join('/') as ByteString;
}

function differs(path: ByteString): MillinerError {
  const shown = `/${showBytes(path)}`;
  return new MillinerError('LAYERS_DIFFER', `no layer of the image holds ${shown} as it is in the tree`, {
    details: { path: shown },
  });
}
