/** Finds the layer of each regular file of an image, from the content of the layers themselves. */
import { MillinerError } from '../../lib/errors/error.ts';
import { showBytes, type ByteString } from '../../lib/host/paths.ts';
import type { Digest } from '../../lib/oci/digest.ts';
import type { ImageLayer } from '../../stages/image/image.ts';
import { isRegular, type Tree } from '../../stages/layer/tree.ts';
import { withLayerWorkers, type LayerWorkers } from '../base/layer-workers.ts';
import { obtain } from '../state/blob-exchange.ts';
import type { Context } from '../state/context.ts';

/** Digests of the content in hexadecimal, and the diffID of the layer. */
export interface HeldFile {
  sha1: string;
  sha256: string;
  layer: string;
}

/**
 * By path in the tree; the uppermost layer that has a path counts. Whiteouts can be ignored, because a deleted file is
 * not in the tree. Throws LAYERS_DIFFER if no layer has a file of the tree.
 */
export async function filesInLayers(
  context: Context,
  tree: Tree,
  layers: readonly ImageLayer[],
): Promise<Map<ByteString, HeldFile>> {
  const highest = new Map<ByteString, HeldFile>();
  await withLayerWorkers(context, async (workers) => {
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

/** Includes hard links: the first name may be in a lower layer. */
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

/** The path as a tree has it; other builders write `./etc/passwd`. */
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
